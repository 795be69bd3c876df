//! The C ABI, a file per object. Thin: checks, conversions and the guard, nothing else.

mod adapter;
mod call;
mod cancel;
mod drain;
mod engine;
mod file;
mod input;
mod inside;
mod object;
mod results;
mod rules;
mod scan;
mod serialize;
mod stats;
mod stream;
mod version;
mod work;

pub use adapter::*;
pub use call::trm_error;
pub use cancel::*;
pub use drain::*;
pub use engine::*;
pub use file::*;
pub use input::*;
pub use results::*;
pub use rules::*;
pub use scan::*;
pub use serialize::*;
pub use stats::*;
pub use stream::*;
pub use version::*;
pub use work::*;
