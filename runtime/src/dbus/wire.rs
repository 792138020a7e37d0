//! Messages on their way out, in this machine's order of bytes ("Marshaling", "Message Format").

/// Bytes whose first one will stand at a multiple of 8 in the message: its body, or any part of it that begins there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire(pub Vec<u8>);

/// The order of bytes as a message tells it.
pub const ORDER: u8 = if cfg!(target_endian = "little") {
    b'l'
} else {
    b'B'
};

/// Whom a call is for: destination, object, interface.
pub type To = [&'static str; 3];

/// The bus itself.
pub const DRIVER: To = [
    "org.freedesktop.DBus",
    "/org/freedesktop/DBus",
    "org.freedesktop.DBus",
];

/// systemd's own object (org.freedesktop.systemd1(5)).
pub const SYSTEMD: To = [
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
];

/// The same object's properties.
pub const PROPERTIES: To = [SYSTEMD[0], SYSTEMD[1], "org.freedesktop.DBus.Properties"];

/// The type of a call.
const CALL: u8 = 1;

/// The flag of a call that wants no answer.
pub const NO_REPLY: u8 = 1;

impl Wire {
    /// Zeros up to a multiple of `to`, a power of two.
    #[inline(never)]
    pub fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    /// A number of 1, 2, 4 or 8 bytes: the low ones of `value`.
    #[inline(never)]
    pub fn number(&mut self, size: usize, value: u64) {
        self.align(size);
        let bytes = value.to_ne_bytes();
        let bytes = if ORDER == b'l' {
            bytes.get(..size)
        } else {
            bytes.get(8 - size..)
        };
        self.0.extend_from_slice(bytes.unwrap_or_default());
    }

    /// A string or an object's path.
    #[inline(never)]
    pub fn text(&mut self, text: &str) {
        self.number(4, text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    /// A signature, no longer than 255 bytes.
    #[inline(never)]
    pub fn signature(&mut self, text: &str) {
        self.0.push(text.len() as u8);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    /// An array whose elements begin at multiples of `to`.
    #[inline(never)]
    pub fn array(&mut self, to: usize, fill: &mut dyn FnMut(&mut Wire)) {
        self.number(4, 0);
        let length = self.0.len();
        self.align(to);
        let start = self.0.len();
        fill(self);
        let mut size = Wire::default();
        size.number(4, (self.0.len() - start) as u64);
        if let Some(place) = self.0.get_mut(length - 4..length) {
            place.copy_from_slice(&size.0);
        }
    }

    /// Adds parts that were made apart, each at a multiple of 8. Nothing goes behind the last one: padding at the end of an
    /// array would be counted as one of its elements.
    #[inline(never)]
    pub fn parts(&mut self, parts: &[&[u8]]) {
        for part in parts.iter().filter(|part| !part.is_empty()) {
            self.align(8);
            self.0.extend_from_slice(part);
        }
    }

    /// Name and kind of a property, `(sv)`; the value goes behind.
    #[inline(never)]
    pub fn property(&mut self, name: &str, signature: &str) {
        self.align(8);
        self.text(name);
        self.signature(signature);
    }
}

/// A whole method call.
#[inline(never)]
pub fn call(
    serial: u32,
    flags: u8,
    to: &To,
    member: &str,
    signature: &str,
    body: &Wire,
) -> Vec<u8> {
    let [destination, path, interface] = *to;
    let mut message = Wire(vec![ORDER, CALL, flags, 1]);
    message.number(4, body.0.len() as u64);
    message.number(4, serial.into());
    message.array(8, &mut |fields| {
        let mut field = |code, kind, text| {
            fields.align(8);
            fields.0.push(code);
            fields.signature(kind);
            fields.text(text);
        };
        field(1, "o", path);
        field(3, "s", member);
        field(2, "s", interface);
        field(6, "s", destination);
        if !signature.is_empty() {
            fields.align(8);
            fields.0.push(8);
            fields.signature("g");
            fields.signature(signature);
        }
    });
    message.align(8);
    message.0.extend_from_slice(&body.0);
    message.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What sd-bus of systemd 252 sent for `busctl call`, on a little-endian machine.
    fn recorded(hex: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn calls_are_those_of_sd_bus() {
        let hello = call(1, 0, &DRIVER, "Hello", "", &Wire::default());
        assert_eq!(hello, recorded(include_str!("recorded/hello").trim()));

        let mut body = Wire::default();
        body.text("runc-box.scope");
        body.text("replace");
        body.array(8, &mut |list| {
            list.property("Slice", "s");
            list.text("system.slice");
            list.property("Delegate", "b");
            list.number(4, 1);
            list.property("PIDs", "au");
            list.array(4, &mut |pids| pids.number(4, 4242));
            list.property("DefaultDependencies", "b");
            list.number(4, 0);
            list.property("MemoryMax", "t");
            list.number(8, 64 << 20);
            list.property("CPUQuotaPerSecUSec", "t");
            list.number(8, u64::MAX);
            list.property("AllowedCPUs", "ay");
            list.array(1, &mut |bytes| bytes.0.extend([137, 1]));
            list.property("DevicePolicy", "s");
            list.text("strict");
            list.property("DeviceAllow", "a(ss)");
            list.array(8, &mut |rules| {
                for (device, access) in [("/dev/char/1:3", "rwm"), ("char-*", "m")] {
                    rules.align(8);
                    rules.text(device);
                    rules.text(access);
                }
            });
        });
        body.array(8, &mut |_| {});
        // busctl lets the other side ask the user for a password.
        let signature = "ssa(sv)a(sa(sv))";
        let start = call(2, 4, &SYSTEMD, "StartTransientUnit", signature, &body);
        assert_eq!(start, recorded(include_str!("recorded/start").trim()));
    }

    #[test]
    fn parts_have_padding_between_them_only() {
        let mut part = Wire::default();
        part.property("A", "s");
        part.text("odd");
        assert_ne!(part.0.len() % 8, 0);
        let mut whole = Wire::default();
        whole.parts(&[&[], &part.0, &[]]);
        assert_eq!(whole, part);
        whole.parts(&[&part.0, &[]]);
        assert_eq!(
            whole.0.len(),
            part.0.len().next_multiple_of(8) + part.0.len()
        );
        whole.parts(&[&[], &[]]);
        assert!(whole.0.ends_with(&part.0));
    }

    #[test]
    fn parts_can_be_moved_by_eight() {
        let mut part = Wire::default();
        part.property("TimeoutStopUSec", "t");
        part.number(8, 7);
        let mut whole = Wire(vec![0xff; 24]);
        whole.property("TimeoutStopUSec", "t");
        whole.number(8, 7);
        assert_eq!(part.0, whole.0[24..]);
    }
}
