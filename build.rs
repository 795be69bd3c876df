//! Gives the shared library the name and the flags that a C library on Linux is expected to have.

/// The number in the soname: it changes when a program linked against an older library would no longer work.
const SONAME_VERSION: u32 = 0;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    // Cargo hands the arguments for a shared library on to the libraries that this one is a part of.
    if std::env::var_os("CARGO_FEATURE_PART").is_some() {
        return;
    }
    // What a linked program looks for at run time: libtrommel.so.0, not whatever libtrommel.so is that day.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libtrommel.so.{SONAME_VERSION}");
    // dlclose() must leave the code mapped: destructors of thread-local values are still to run when a thread
    // that once called the library ends.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
