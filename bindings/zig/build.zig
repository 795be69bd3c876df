//! The module "trommel" for `b.dependency("trommel", .{})`, and its tests.
//!
//!   zig build test -Dprefix=/usr/local

const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const prefix = b.option([]const u8, "prefix", "where libtrommel is installed (default /usr/local)") orelse "/usr/local";
    const linked = b.option(bool, "linked", "link the library; false: programs call Library.open") orelse true;
    // Debug information would name the calls, and the linker then wants them.
    const strip: ?bool = if (linked) null else true;
    const lib: std.Build.LazyPath = .{ .cwd_relative = b.fmt("{s}/lib", .{prefix}) };

    const header = b.addTranslateC(.{
        .root_source_file = .{ .cwd_relative = b.fmt("{s}/include/trommel.h", .{prefix}) },
        .target = target,
        .optimize = optimize,
    });
    const module = b.addModule("trommel", .{
        .root_source_file = b.path("src/trommel.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
        .strip = strip,
    });
    module.addImport("trommel_h", header.createModule());
    if (linked) {
        module.addLibraryPath(lib);
        module.addRPath(lib);
        module.linkSystemLibrary("trommel", .{ .use_pkg_config = .no });
    }

    const options = b.addOptions();
    options.addOption(bool, "linked", linked);
    options.addOption([]const u8, "library", b.fmt("{s}/lib/libtrommel.so.0", .{prefix}));
    const tests = b.createModule(.{ .root_source_file = b.path("src/tests.zig"), .target = target, .optimize = optimize, .strip = strip });
    tests.addImport("trommel", module);
    tests.addOptions("test_options", options);
    const run = b.addRunArtifact(b.addTest(.{ .root_module = tests }));
    run.has_side_effects = true;
    b.step("test", "run the tests").dependOn(&run.step);
}
