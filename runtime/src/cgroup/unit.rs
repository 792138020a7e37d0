//! `--systemd-cgroup`: systemd makes the container's cgroups, for a unit that lives as long as the container
//! (org.freedesktop.systemd1(5), "StartTransientUnit").
//!
//! The process is there first and is given to the unit, a scope, when that starts. What systemd has a property for it is
//! told, so that it knows the limits, shows them and keeps them over a reload; all limits then go into the files as they do
//! without systemd, since they are ours (`Delegate=`), and exact.

use super::discover::Version;
use super::group::Group;
use super::limits::{controller, first};
use super::path;
use super::properties::{Properties, ROUNDED, devices};
use crate::dbus::wire::{PROPERTIES, SYSTEMD, Wire};
use crate::dbus::{Bus, Refused};
use crate::error::{Error, Result};
use crate::text::fill;
use core::cell::RefCell;
use init::plan::{Cgroup, DeviceRule, Limit};
use rustix::io::Errno;
use rustix::process::Pid;

/// A unit of a container's.
#[derive(Debug)]
pub(super) struct Unit {
    pub name: String,
    /// Whether the user's own systemd has it.
    pub user: bool,
    /// Whether it may be there, and by our doing.
    pub started: bool,
    bus: RefCell<Option<Bus>>,
}

impl Unit {
    /// Asks systemd for nothing yet but where its cgroups begin; the unit, and its place below each mount.
    pub fn new(planned: &init::plan::Unit<'_>) -> Result<(Unit, String)> {
        let mut bus = Bus::connect(planned.user)?;
        // The host's systemd begins at the top.
        let mut place = match planned.user {
            true => path::clean(&control_group(&mut bus)?),
            false => String::new(),
        };
        let mut chain = [planned.slice, planned.name];
        if planned.name.ends_with(".slice") {
            chain[0] = "-.slice";
        }
        for part in chain {
            match part.strip_suffix(".slice") {
                Some(parts) => descend(&mut place, parts),
                None => place = path::join(&place, part),
            }
        }
        let mut unit = Unit::old(planned.name, planned.user);
        unit.started = false;
        unit.bus = RefCell::new(Some(bus));
        Ok((unit, place))
    }

    /// One that was started before.
    pub fn old(name: &str, user: bool) -> Unit {
        Unit {
            name: name.into(),
            user,
            started: true,
            bus: RefCell::default(),
        }
    }

    /// Whether processes are put into it by ourselves: systemd gives a slice none.
    fn is_slice(&self) -> bool {
        self.name.ends_with(".slice")
    }

    /// With the connection, which is made when it is needed.
    fn with<T>(
        &self,
        work: &mut dyn FnMut(&mut Bus) -> core::result::Result<T, Refused>,
    ) -> core::result::Result<T, Refused> {
        let mut bus = self.bus.borrow_mut();
        match &mut *bus {
            Some(bus) => work(bus),
            none => work(none.insert(Bus::connect(self.user)?)),
        }
    }

    /// Calls a method that makes a job for this unit, and waits until the job is done.
    fn job(
        &self,
        bus: &mut Bus,
        member: &str,
        signature: &str,
        body: &Wire,
    ) -> core::result::Result<(), Refused> {
        let answer = bus.call(&SYSTEMD, member, signature, body)?;
        let answer = answer.message();
        let job = answer.first_text().unwrap_or_default();
        let mut result = String::new();
        bus.wait(member, &mut |message| {
            // Anybody on the bus may send signals.
            if message.sender != answer.sender
                || (message.member, message.signature) != ("JobRemoved", "uoss")
            {
                return false;
            }
            let mut parts = message.reader();
            let ours = parts.number().is_some() && parts.text() == Some(job);
            let (_, how) = (parts.text(), parts.text());
            result = how.unwrap_or_default().into();
            ours
        })?;
        match &*result {
            "done" => Ok(()),
            result => Err(Error::fill(
                packed!(
                    "systemd: {}: the job ended with \"{}\"; `systemctl status {}` may say why"
                ),
                &[member, result, &self.name],
            )
            .into()),
        }
    }

    /// Signals of the end of this unit's jobs, and of no others'.
    fn listen(&self, bus: &mut Bus) {
        let parts = [
            "type='signal',sender='",
            SYSTEMD[0],
            "',member='JobRemoved',arg2='",
            &self.name,
            "'",
        ];
        bus.listen(&parts.concat());
    }

    /// Forgets that it failed, so that systemd can forget it altogether.
    fn reset(&self, bus: &mut Bus) -> core::result::Result<(), Refused> {
        let mut body = Wire::default();
        body.text(&self.name);
        bus.call(&SYSTEMD, "ResetFailedUnit", "s", &body).map(drop)
    }

    /// Starts it.
    fn start(&mut self, first: &Wire, properties: &mut Properties) -> Result<()> {
        let this = &*self;
        let mut reset = false;
        let started = this.with(&mut |bus| {
            this.listen(bus);
            loop {
                let mut body = Wire::default();
                body.text(&this.name);
                body.text("replace");
                body.array(8, &mut |list| {
                    list.parts(&[&first.0]);
                    properties.put(list);
                });
                body.array(8, &mut |_| {});
                match this.job(bus, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body) {
                    // One that failed stays until somebody has taken note.
                    Err(refused) if refused.name.ends_with(".UnitExists") && !reset => {
                        reset = true;
                        let _ = this.reset(bus);
                    }
                    Err(refused) if properties.give_up(&refused.name) => {}
                    done => return done,
                }
            }
        });
        // Of one that was refused there is nothing; it may be somebody else's. What did not go well may still come.
        self.started = !matches!(&started, Err(refused) if !refused.name.is_empty());
        started.map_err(|refused| refused.error)
    }

    /// Changes properties while it runs, and waits until they are in force.
    fn set(&self, properties: &mut Properties) -> Result<()> {
        if properties.is_empty() {
            return Ok(());
        }
        let set = self.with(&mut |bus| {
            loop {
                let mut body = Wire::default();
                body.text(&self.name);
                // Until the next boot.
                body.number(4, 1);
                body.array(8, &mut |list| properties.put(list));
                match bus.call(&SYSTEMD, "SetUnitProperties", "sba(sv)", &body) {
                    Err(refused) if properties.give_up(&refused.name) => {}
                    Err(refused) => return Err(refused),
                    Ok(_) => break,
                }
            }
            // It answers first and writes then, but does that before it reads anything else.
            let peer = [SYSTEMD[0], SYSTEMD[1], "org.freedesktop.DBus.Peer"];
            bus.call(&peer, "Ping", "", &Wire::default()).map(drop)
        });
        set.map_err(|refused| refused.error)
    }

    /// Stops it, which ends whoever is left in it, and waits until that is done. That there is none is no error.
    pub fn stop(&self) -> Result<()> {
        if !self.started {
            return Ok(());
        }
        let stopped = self.with(&mut |bus| {
            self.listen(bus);
            let mut body = Wire::default();
            body.text(&self.name);
            body.text("replace");
            match self.job(bus, "StopUnit", "ss", &body) {
                Err(refused) if refused.name.ends_with(".NoSuchUnit") => Ok(()),
                Ok(()) => {
                    let _ = self.reset(bus);
                    Ok(())
                }
                stopped => stopped,
            }
        });
        match stopped {
            // Where nobody answers nobody can be asked to hurry: it goes by itself once its cgroups are empty.
            Err(refused) if !refused.name.is_empty() => Err(refused.error),
            _ => Ok(()),
        }
    }
}

impl Group {
    /// Has systemd make the container's unit with the process `pid` in it. From here on the group is as it is without
    /// systemd after [`Group::create`].
    pub fn start(&mut self, id: &str, pid: Pid, asked: &Cgroup<'_>) -> Result<()> {
        let (Some(mut unit), Some(planned)) = (self.unit.take(), &asked.unit) else {
            return Ok(());
        };
        let mut properties = self.properties(asked.limits, false);
        if !unit.user {
            devices(asked.devices, self.unified, &mut properties.all);
        }
        let started = unit.start(&self.first(id, &unit, pid, planned), &mut properties);
        // The bus is not held on to: `run` may stay for years.
        unit.bus = RefCell::default();
        self.unit = Some(unit);
        started?;
        let v1 = self
            .members
            .iter()
            .find(|member| member.has("name=systemd"));
        if let Some(member) = v1.or(self.v2())
            && !member.exists()
        {
            let error = member.error("open", "", Errno::NOENT);
            let why = packed!(
                "; systemd has put the unit elsewhere: does it see the same cgroups as mote?"
            );
            return Err(error.and(why));
        }
        self.create(&[Version::V2, Version::V1])
    }

    /// Whether the user's systemd has the container: only it can move processes there from where the user has logged in.
    pub fn is_users(&self) -> bool {
        self.unit.as_ref().is_some_and(|unit| unit.user)
    }

    /// Has systemd move a process to the container's cgroup, or to the one below it that this group was led to.
    pub fn attach(&self, pid: Pid) -> Result<()> {
        let (Some(unit), Some(member)) = (&self.unit, self.v2()) else {
            return Ok(());
        };
        // Where in the unit: a path that begins with a slash, or nothing.
        let mut steps = path::pieces(&member.path, b'/');
        steps.find(|step| *step == unit.name);
        let below = steps.rest().map(|below| fill("/{}", &[below]));
        let mut body = Wire::default();
        body.text(&unit.name);
        body.text(&below.unwrap_or_default());
        body.array(4, &mut |pids| pids.number(4, pid.as_raw_pid() as u64));
        let attached = unit.with(&mut |bus| {
            bus.call(&SYSTEMD, "AttachProcessesToUnit", "ssau", &body)
                .map(drop)
        });
        attached.map_err(|refused| refused.error)
    }

    /// Whether systemd leaves it to us to put processes into its cgroup.
    pub fn is_slice(&self) -> bool {
        self.unit.as_ref().is_some_and(Unit::is_slice)
    }

    /// What every unit is started with; runc's list.
    fn first(&self, id: &str, unit: &Unit, pid: Pid, planned: &init::plan::Unit<'_>) -> Wire {
        let mut wire = Wire::default();
        wire.property("Description", "s");
        wire.text(&fill("mote container {}", &[id]));
        if unit.is_slice() {
            wire.property("Wants", "as");
            wire.array(4, &mut |list| list.text(planned.slice));
        } else {
            wire.property("Slice", "s");
            wire.text(planned.slice);
            wire.property("PIDs", "au");
            wire.array(4, &mut |pids| pids.number(4, pid.as_raw_pid() as u64));
        }
        // Accounting makes systemd switch the controllers on.
        let io = match self.unified {
            true => "IOAccounting",
            false => "BlockIOAccounting",
        };
        let mut switch = |name, on| {
            wire.property(name, "b");
            wire.number(4, on);
        };
        if !unit.is_slice() {
            switch("Delegate", 1);
        }
        switch("MemoryAccounting", 1);
        switch("CPUAccounting", 1);
        switch("TasksAccounting", 1);
        switch(io, 1);
        switch("DefaultDependencies", 0);
        wire.parts(&[planned.properties]);
        wire
    }

    /// Tells systemd of these limits as they are in force now, if the group has a unit. What it rounds is put right again.
    pub fn tell(&self, limits: &[Limit<'_>]) -> Result<()> {
        let Some(unit) = &self.unit else {
            return Ok(());
        };
        let mut exact = Vec::new();
        for file in path::pieces(ROUNDED, b' ') {
            if let Some(member) = self.member(controller(file))
                && let Ok(text) = member.try_read(file)
            {
                exact.push((member, file, text));
            }
        }
        unit.set(&mut self.properties(limits, true))?;
        for (member, file, text) in &exact {
            if member.try_read(file).as_ref() != Ok(text) {
                member.write(file, first(text, b'\n'))?;
            }
        }
        Ok(())
    }

    /// The same for device rules, before they are changed.
    pub(super) fn tell_devices(&self, rules: &[DeviceRule]) -> Result<()> {
        match &self.unit {
            Some(unit) if !unit.user => {
                let mut properties = Properties::default();
                devices(rules, self.unified, &mut properties.all);
                unit.set(&mut properties)
            }
            _ => Ok(()),
        }
    }
}

/// The cgroup that a systemd has for all that it starts.
fn control_group(bus: &mut Bus) -> Result<String> {
    let mut body = Wire::default();
    body.text(SYSTEMD[2]);
    body.text("ControlGroup");
    let answer = bus.call(&PROPERTIES, "Get", "ss", &body);
    let answer = answer.map_err(|refused| refused.error)?;
    let message = answer.message();
    let mut value = message.reader();
    let text = match (message.signature, value.signature()) {
        ("v", Some("s")) => value.text(),
        _ => None,
    };
    let text = text.filter(|text| !path::climbs(text));
    let text = text.ok_or_else(|| Error::new(packed!("systemd: ControlGroup: this is no path")))?;
    Ok(text.into())
}

/// Goes to a slice: `a-b` is in `a`.
fn descend(place: &mut String, parts: &str) {
    if parts == "-" {
        return;
    }
    let mut end = 0;
    for part in path::pieces(parts, b'-') {
        end += part.len();
        let name = parts.get(..end).unwrap_or_default();
        *place = path::join(place, &fill("{}.slice", &[name]));
        end += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_lie_in_slices() {
        for (slice, want) in [
            ("-", "base"),
            ("system", "base/system.slice"),
            ("a-b", "base/a.slice/a-b.slice"),
            ("a-b-c.d", "base/a.slice/a-b.slice/a-b-c.d.slice"),
        ] {
            let mut place = String::from("base");
            descend(&mut place, slice);
            assert_eq!(place, want, "{slice}");
        }
    }
}
