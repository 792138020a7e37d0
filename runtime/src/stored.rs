//! The config that a container was created with, planned again: for its hooks, and for what `exec` takes
//! from it.

use crate::bundle;
use crate::cli::Global;
use crate::container::Container;
use crate::error::Result;
use crate::plan::{self, Facts, Refusal};
use init::plan::Plan;
use init::sys::arena::Arena;
use rustix::process::{getegid, geteuid};
use spec_min::Spec;

/// The document; none if `create` was killed before it wrote one.
#[derive(Debug)]
pub struct Stored {
    config: Vec<u8>,
    arena: Arena,
}

impl Stored {
    /// Reads it.
    pub fn read(container: &Container) -> Result<Option<Stored>> {
        let Some(config) = container.dir.read("config.json")? else {
            return Ok(None);
        };
        let arena = bundle::arena(config.len())?;
        Ok(Some(Stored { config, arena }))
    }

    /// The arena that its parts live in.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// The document's parts.
    pub fn spec(&self) -> Result<&Spec<'_>> {
        bundle::parse(&self.config, &self.arena)
    }

    /// What the host has to say for a plan of it.
    pub fn facts<'a>(&'a self, global: &Global, container: &Container) -> Result<Box<Facts<'a>>> {
        Ok(Box::new(Facts {
            id: bundle::text(&self.arena, container.id.as_bytes())?,
            bundle: container.record.bundle,
            rootless: global.rootless(),
            euid: geteuid().as_raw(),
            egid: getegid().as_raw(),
            in_user_namespace: global.in_user_namespace(),
            makes: false,
            // Labels and the like: whoever sets them finds out.
            ..Facts::OF_DOCUMENT
        }))
    }

    /// Its plan.
    pub fn plan<'a>(&'a self, facts: &Facts<'a>) -> Result<&'a Plan<'a>> {
        let spec = self.spec()?;
        let plan = plan::container(spec, facts, &self.arena, &mut |_, _| {});
        Ok(plan.map_err(Refusal::error)?)
    }
}
