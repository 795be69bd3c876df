//! The calls of libtrommel, linked or found at run time.

const std = @import("std");
pub const c = @import("trommel_h");

/// Every call that this package uses. `linked` names them to the linker, `Library.open` asks the dynamic one.
pub const Api = struct {
    trm_abi_version: *const @TypeOf(c.trm_abi_version),
    trm_version_string: *const @TypeOf(c.trm_version_string),
    trm_status_string: *const @TypeOf(c.trm_status_string),
    trm_options_init: *const @TypeOf(c.trm_options_init),
    trm_engine_create: *const @TypeOf(c.trm_engine_create),
    trm_engine_attach: *const @TypeOf(c.trm_engine_attach),
    trm_engine_close: *const @TypeOf(c.trm_engine_close),
    trm_engine_destroy: *const @TypeOf(c.trm_engine_destroy),
    trm_engine_in_flight: *const @TypeOf(c.trm_engine_in_flight),
    trm_engine_load_rules: *const @TypeOf(c.trm_engine_load_rules),
    trm_engine_unload_rules: *const @TypeOf(c.trm_engine_unload_rules),
    trm_rules_compile: *const @TypeOf(c.trm_rules_compile),
    trm_rules_destroy: *const @TypeOf(c.trm_rules_destroy),
    trm_rules_scan: *const @TypeOf(c.trm_rules_scan),
    trm_input_acquire: *const @TypeOf(c.trm_input_acquire),
    trm_input_release: *const @TypeOf(c.trm_input_release),
    trm_enqueue_batch: *const @TypeOf(c.trm_enqueue_batch),
    trm_submit_batch: *const @TypeOf(c.trm_submit_batch),
    trm_submit: *const @TypeOf(c.trm_submit),
    trm_collect: *const @TypeOf(c.trm_collect),
    trm_scan: *const @TypeOf(c.trm_scan),

    pub const linked: Api = blk: {
        var api: Api = undefined;
        for (std.meta.fieldNames(Api)) |name| @field(api, name) = &@field(c, name);
        break :blk api;
    };

    /// Whether the library has the ABI that this package was built for.
    pub fn matches(api: *const Api) bool {
        return api.trm_abi_version() == c.TRM_ABI_VERSION;
    }
};

/// The shared library, opened at run time. What was made through it must be gone before `close`.
pub const Library = struct {
    file: std.DynLib,
    api: Api,

    pub const default_name = "libtrommel.so.0";

    pub fn open(path: []const u8) !Library {
        var file = try std.DynLib.open(path);
        errdefer file.close();
        var api: Api = undefined;
        inline for (comptime std.meta.fieldNames(Api)) |name| {
            @field(api, name) = file.lookup(@FieldType(Api, name), name ++ "") orelse return error.CallMissing;
        }
        if (!api.matches()) return error.OtherAbiVersion;
        return .{ .file = file, .api = api };
    }

    pub fn close(library: *Library) void {
        library.file.close();
    }
};
