//! D-Bus (dbus.freedesktop.org/doc/dbus-specification.html), as much of it as it takes to talk to systemd.
//!
//! [`wire`] makes messages, [`message`] reads them, [`variant`] reads values that people write: pure code, all three. [`Bus`]
//! is the connection. There is no library behind it, no thread, and nothing that is not asked for is waited for.

mod bus;
pub mod message;
pub mod variant;
pub mod wire;

pub use bus::{Bus, Refused};
