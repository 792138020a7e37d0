//! The container's files (config.md, "Root" and "Mounts"), and the id mappings that mounts share with user namespaces.

use core::ffi::CStr;

use crate::{List, Text};

crate::object! {
    /// The root filesystem (config.md, "Root").
    pub struct Root<'a> {
        /// The directory, absolute or relative to the bundle.
        path: Option<&'a CStr> = "path",
        /// Whether the container sees it read-only.
        readonly: bool = "readonly",
    }

    /// One mount (config.md, "Mounts").
    pub struct Mount<'a> {
        /// Where, inside the container.
        destination: Option<Text<'a>> = "destination",
        /// The filesystem's type; of no meaning for a bind mount.
        kind: Option<Text<'a>> = "type",
        /// A device, a name, or for a bind mount a path, absolute or relative to the bundle.
        source: Option<Text<'a>> = "source",
        /// Options as fstab(5) writes them, one each.
        options: List<'a, Text<'a>> = "options",
        /// The user ids of an idmapped mount.
        uid_mappings: List<'a, IdMapping> = "uidMappings",
        /// The group ids of an idmapped mount.
        gid_mappings: List<'a, IdMapping> = "gidMappings",
    }

    /// A range of ids (config-linux.md, "User namespace mappings").
    pub struct IdMapping {
        /// The first id inside.
        container_id: u32 = required "containerID",
        /// The first id outside.
        host_id: u32 = required "hostID",
        /// How many ids.
        size: u32 = required "size",
    }
}
