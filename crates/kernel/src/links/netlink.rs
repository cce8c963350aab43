//! What loaders do through netlink: XDP programs without links, and traffic control's filters.

use crate::files::Fd;
use crate::hooks::Attached;
use crate::hooks::xdp::Mode;
use crate::kernel::Kernel;
use skep_abi::{Errno, ProgType};
use skep_maps::ObjRef;

/// The ids of a device's XDP programs; 0: none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct XdpProgs {
    /// The one that runs on skbs.
    pub skb: u32,
    /// The one that the driver runs.
    pub driver: u32,
}

/// A filter of traffic control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcFilter {
    /// Its number among those of its priority.
    pub handle: u32,
    /// The lowest runs first.
    pub priority: u32,
    /// The id of its program.
    pub prog_id: u32,
}

/// # Attaching through netlink
impl Kernel {
    /// Attaches a program to a device's XDP, or with none detaches what is there (`IFLA_XDP_FD`). `old` is who is expected
    /// there, with `XDP_FLAGS_REPLACE`.
    ///
    /// ```
    /// use skep_abi::{Errno, ProgType, flags::XDP_FLAGS_UPDATE_IF_NOEXIST};
    /// use skep_isa::asm::assemble;
    /// use skep_kernel::{Config, Device, Kernel, ProgLoad};
    ///
    /// let mut kernel = Kernel::new(Config::default())?;
    /// kernel.net_mut().add_device(Device::new(2));
    /// let prog = kernel.prog_load(ProgLoad::new("pass", ProgType::Xdp, assemble("r0 = 2\nexit")?))?;
    /// kernel.xdp_attach(2, Some(prog), 0, None)?;
    /// assert_eq!(kernel.xdp_attach(2, Some(prog), XDP_FLAGS_UPDATE_IF_NOEXIST, None), Err(Errno::EBUSY));
    /// assert_eq!(kernel.xdp_query(2)?.driver, kernel.id_of(prog)?);
    /// kernel.xdp_attach(2, None, 0, None)?;
    /// assert_eq!(kernel.xdp_query(2)?.driver, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `ENODEV`: no such device. `EBADF`, `EINVAL`: no XDP program, or flags that do not go together. `EBUSY`, `EEXIST`:
    /// somebody else is there. `EOPNOTSUPP`: its driver cannot.
    pub fn xdp_attach(
        &mut self,
        ifindex: u32,
        prog: Option<Fd>,
        flags: u32,
        old: Option<Fd>,
    ) -> Result<(), Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        let get = |fd: Option<Fd>| fd.map(|fd| self.core.prog_of_type(fd, ProgType::Xdp)).transpose();
        let (prog, old) = (get(prog)?, get(old)?);
        let gone = self.sys().attach_xdp(ifindex, prog.map(Attached::new), old, flags)?;
        self.put(prog, gone);
        Ok(())
    }

    /// Whose programs run at a device's XDP.
    ///
    /// # Errors
    /// `ENODEV`: no such device.
    pub fn xdp_query(&self, ifindex: u32) -> Result<XdpProgs, Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        let xdp = self.core.hooks.xdp.get(&ifindex);
        let id = |mode| xdp.and_then(|it| it.of(mode)).map_or(0, |it| self.core.objects.number(it.prog));
        Ok(XdpProgs { skb: id(Mode::Skb), driver: id(Mode::Driver) })
    }

    /// Gives a device a clsact queueing discipline, which filters are attached to.
    ///
    /// # Errors
    /// `ENODEV`: no such device. `EEXIST`: it has one.
    pub fn tc_hook_create(&mut self, ifindex: u32) -> Result<(), Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        if self.core.hooks.clsact.contains_key(&(ifindex, true)) {
            return Err(Errno::EEXIST);
        }
        for ingress in [true, false] {
            self.core.hooks.clsact.entry((ifindex, ingress)).or_default();
        }
        Ok(())
    }

    /// Takes the clsact of a device away, with all its filters.
    ///
    /// # Errors
    /// `ENODEV`: no such device. `EINVAL`: it has none.
    pub fn tc_hook_destroy(&mut self, ifindex: u32) -> Result<(), Errno> {
        for ingress in [true, false] {
            self.tc_flush(ifindex, ingress)?;
        }
        for ingress in [true, false] {
            self.core.hooks.clsact.remove(&(ifindex, ingress));
        }
        Ok(())
    }

    /// Attaches a program as a filter (`direct-action`). 0 stands for a free handle, and for a priority before all others;
    /// with `replace`, a filter of the same handle and priority gets the program. Answers the filter.
    ///
    /// # Errors
    /// `ENODEV`: no such device. `EINVAL`: it has no clsact; no program of that type; a handle without priority. `EEXIST`:
    /// the filter is there.
    pub fn tc_attach(
        &mut self,
        ifindex: u32,
        ingress: bool,
        prog: Fd,
        (handle, priority): (u32, u32),
        replace: bool,
    ) -> Result<TcFilter, Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        if priority > u32::from(u16::MAX) || !self.core.hooks.clsact.contains_key(&(ifindex, ingress)) {
            return Err(Errno::EINVAL);
        }
        let prog = self.core.prog_of_type(prog, ProgType::SchedCls)?;
        let filters = self.core.hooks.clsact.entry((ifindex, ingress)).or_default();
        let (filter, gone) = filters.add(priority, handle, replace, Attached::new(prog))?;
        self.put(Some(prog), gone);
        let prog_id = self.core.objects.number(prog);
        Ok(TcFilter { handle: filter.handle, priority: filter.priority, prog_id })
    }

    /// Detaches a filter.
    ///
    /// # Errors
    /// `ENODEV`: no such device. `EINVAL`: it has no clsact. `ENOENT`: there is no such filter.
    pub fn tc_detach(
        &mut self,
        ifindex: u32,
        ingress: bool,
        handle: u32,
        priority: u32,
    ) -> Result<(), Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        let filters = self.core.hooks.clsact.get_mut(&(ifindex, ingress)).ok_or(Errno::EINVAL)?;
        let gone = filters.delete(priority, handle)?;
        self.put(None, Some(gone));
        Ok(())
    }

    /// Detaches all filters of one side of a device.
    ///
    /// # Errors
    /// `ENODEV`: no such device. `EINVAL`: it has no clsact.
    pub fn tc_flush(&mut self, ifindex: u32, ingress: bool) -> Result<(), Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        let filters = self.core.hooks.clsact.get_mut(&(ifindex, ingress)).ok_or(Errno::EINVAL)?;
        for filter in std::mem::take(&mut filters.0) {
            self.put(None, Some(filter.attached));
        }
        Ok(())
    }

    /// A filter.
    ///
    /// # Errors
    /// `ENODEV`: no such device. `EINVAL`: it has no clsact. `ENOENT`: there is no such filter.
    pub fn tc_query(
        &self,
        ifindex: u32,
        ingress: bool,
        handle: u32,
        priority: u32,
    ) -> Result<TcFilter, Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        let filters = self.core.hooks.clsact.get(&(ifindex, ingress)).ok_or(Errno::EINVAL)?;
        let found = filters.get(priority, handle).ok_or(Errno::ENOENT)?;
        Ok(TcFilter { handle, priority, prog_id: self.core.objects.number(found.attached.prog) })
    }

    /// What was attached gets a reference; what was there had one.
    fn put(&mut self, new: Option<ObjRef>, gone: Option<Attached>) {
        if let Some(new) = new {
            self.core.objects.retain(new);
        }
        self.core.release_prog(gone);
        self.core.sweep(&self.memory);
    }
}
