//! XDP: one program for a device and way of running it (`dev_xdp_attach`, `net/core/dev.c`).

use super::Attached;
use skep_abi::Errno;
use skep_abi::flags::{
    XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE, XDP_FLAGS_REPLACE, XDP_FLAGS_SKB_MODE, XDP_FLAGS_UPDATE_IF_NOEXIST,
};
use skep_maps::ObjRef;

const MODES: u32 = XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE | XDP_FLAGS_HW_MODE;
const KNOWN: u32 = MODES | XDP_FLAGS_UPDATE_IF_NOEXIST | XDP_FLAGS_REPLACE;

/// How a program of a device is run (`enum bpf_xdp_mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// By the stack, on an skb: any device can.
    Skb,
    /// By the driver.
    Driver,
    /// By the device itself: none here can.
    Hardware,
}

/// The programs of one device.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Xdp {
    by_mode: [Option<Attached>; 3],
    /// Its driver can run programs (`ndo_bpf`).
    pub(crate) native: bool,
}

impl Xdp {
    /// The mode that flags ask for, or the best that there is.
    pub(crate) fn mode(&self, flags: u32) -> Mode {
        match flags {
            _ if flags & XDP_FLAGS_HW_MODE != 0 => Mode::Hardware,
            _ if flags & XDP_FLAGS_DRV_MODE != 0 => Mode::Driver,
            _ if flags & XDP_FLAGS_SKB_MODE != 0 => Mode::Skb,
            _ if self.native => Mode::Driver,
            _ => Mode::Skb,
        }
    }

    /// The program of a mode.
    pub(crate) fn of(&self, mode: Mode) -> Option<Attached> {
        self.by_mode[mode as usize]
    }

    /// All programs; the driver's runs first, and there is no other then.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Attached> {
        [Mode::Hardware, Mode::Driver, Mode::Skb]
            .into_iter()
            .filter_map(|it| self.by_mode[it as usize].as_ref())
    }

    /// Attaches a program, a link, or nothing, which detaches. `old` is who is expected to be there, if
    /// `XDP_FLAGS_REPLACE` is set. Answers who was there.
    ///
    /// # Errors
    /// `EINVAL`: flags. `EBUSY`: a link is there, or a link would replace a program, or there is one and there should
    /// not be. `EEXIST`: another program than expected, or one in the other mode. `EOPNOTSUPP`: the driver cannot.
    pub(crate) fn attach(
        &mut self,
        new: Option<Attached>,
        old: Option<ObjRef>,
        flags: u32,
    ) -> Result<Option<Attached>, Errno> {
        let link = new.is_some_and(|it| it.link.is_some());
        let modes = (flags & MODES).count_ones();
        let has = |it| flags & it != 0;
        let bad = flags & !KNOWN != 0
            || (link && flags & !MODES != 0)
            || modes > 1
            || (modes == 0 && self.all().count() > 1)
            || (old.is_some() && !has(XDP_FLAGS_REPLACE));
        if bad {
            return Err(Errno::EINVAL);
        }
        let mode = self.mode(flags);
        let now = self.of(mode);
        if now.is_some_and(|it| it.link.is_some()) || (link && now.is_some()) {
            return Err(Errno::EBUSY);
        }
        if has(XDP_FLAGS_REPLACE) && now.map(|it| it.prog) != old {
            return Err(Errno::EEXIST);
        }
        if new.is_some() {
            if has(XDP_FLAGS_UPDATE_IF_NOEXIST) && now.is_some() {
                return Err(Errno::EBUSY);
            }
            let other = if mode == Mode::Skb { Mode::Driver } else { Mode::Skb };
            if mode != Mode::Hardware && self.of(other).is_some() {
                return Err(Errno::EEXIST);
            }
        }
        if new.map(|it| it.prog) != now.map(|it| it.prog) {
            match mode {
                Mode::Driver | Mode::Hardware if !self.native => return Err(Errno::EOPNOTSUPP),
                // Drivers do not know the command (`XDP_SETUP_PROG_HW`).
                Mode::Hardware => return Err(Errno::EINVAL),
                _ => {}
            }
        }
        self.by_mode[mode as usize] = new;
        Ok(now)
    }

    /// Gives a link another program.
    pub(crate) fn replace(&mut self, link: ObjRef, prog: ObjRef) {
        for it in self.by_mode.iter_mut().flatten().filter(|it| it.link == Some(link)) {
            it.prog = prog;
        }
    }

    /// Takes a link away.
    pub(crate) fn remove(&mut self, link: ObjRef) {
        for place in &mut self.by_mode {
            place.take_if(|it| it.link == Some(link));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKB: u32 = XDP_FLAGS_SKB_MODE;
    const DRV: u32 = XDP_FLAGS_DRV_MODE;
    const HW: u32 = XDP_FLAGS_HW_MODE;
    const NEW: u32 = XDP_FLAGS_UPDATE_IF_NOEXIST;
    const REPLACE: u32 = XDP_FLAGS_REPLACE;

    fn prog(id: u32) -> Option<Attached> {
        Some(Attached::new(ObjRef(id)))
    }

    fn link(id: u32, link: u32) -> Option<Attached> {
        Some(Attached { link: Some(ObjRef(link)), ..Attached::new(ObjRef(id)) })
    }

    #[test]
    fn modes() {
        for (native, flags, want) in [
            (true, 0, Mode::Driver),
            (false, 0, Mode::Skb),
            (true, SKB, Mode::Skb),
            (false, DRV, Mode::Driver),
            (false, HW, Mode::Hardware),
        ] {
            assert_eq!(Xdp { native, ..Xdp::default() }.mode(flags), want);
        }
    }

    /// (the driver can, what is there in skb and driver mode, what is attached, expected, flags, what comes of it)
    #[test]
    fn rules() {
        type Place = Option<Attached>;
        type Row = (bool, Place, Place, Place, Option<u32>, u32, Result<Place, Errno>);
        let rows: &[Row] = &[
            (true, None, None, prog(1), None, 0, Ok(None)),
            (true, None, prog(1), prog(2), None, 0, Ok(prog(1))),
            (true, None, prog(1), None, None, 0, Ok(prog(1))),
            (true, None, prog(1), prog(2), None, NEW, Err(Errno::EBUSY)),
            (true, None, prog(1), prog(2), None, SKB, Err(Errno::EEXIST)),
            (true, prog(1), None, prog(2), None, DRV, Err(Errno::EEXIST)),
            (true, prog(1), None, prog(2), None, 0, Err(Errno::EEXIST)),
            (true, None, prog(1), link(2, 9), None, 0, Err(Errno::EBUSY)),
            (true, None, link(1, 9), prog(2), None, 0, Err(Errno::EBUSY)),
            (true, None, link(1, 9), None, None, 0, Err(Errno::EBUSY)),
            (true, None, link(1, 9), link(2, 8), None, DRV, Err(Errno::EBUSY)),
            (true, None, link(1, 9), link(2, 8), None, SKB, Err(Errno::EEXIST)),
            (true, None, None, link(2, 8), None, NEW, Err(Errno::EINVAL)),
            (true, None, None, link(2, 8), None, REPLACE, Err(Errno::EINVAL)),
            (true, None, None, prog(2), None, SKB | DRV, Err(Errno::EINVAL)),
            (true, None, None, prog(2), None, 1 << 5, Err(Errno::EINVAL)),
            (true, None, None, prog(2), None, HW, Err(Errno::EINVAL)),
            (false, None, None, prog(2), None, HW, Err(Errno::EOPNOTSUPP)),
            (false, None, None, prog(2), None, DRV, Err(Errno::EOPNOTSUPP)),
            (false, None, None, None, None, DRV, Ok(None)),
            (true, None, prog(1), prog(2), Some(1), REPLACE, Ok(prog(1))),
            (true, None, prog(1), prog(2), Some(3), REPLACE, Err(Errno::EEXIST)),
            (true, None, prog(1), prog(2), None, REPLACE, Err(Errno::EEXIST)),
            (true, None, None, prog(2), None, REPLACE, Ok(None)),
            (true, None, prog(1), prog(2), Some(1), 0, Err(Errno::EINVAL)),
        ];
        for (row, &(native, skb, driver, new, old, flags, want)) in rows.iter().enumerate() {
            let mut it = Xdp { by_mode: [skb, driver, None], native };
            let got = it.attach(new, old.map(ObjRef), flags);
            assert_eq!(got, want, "row {row}");
            let expected = if got.is_ok() { new } else { it.of(it.mode(flags)) };
            assert_eq!(it.of(it.mode(flags)), expected, "row {row}");
        }
    }

    #[test]
    fn links_are_replaced_and_go() {
        let mut it = Xdp { native: true, ..Xdp::default() };
        it.attach(link(1, 9), None, 0).unwrap();
        it.replace(ObjRef(9), ObjRef(2));
        assert_eq!(it.all().copied().collect::<Vec<_>>(), [link(2, 9).unwrap()]);
        it.replace(ObjRef(8), ObjRef(3));
        it.remove(ObjRef(8));
        assert_eq!(it.of(Mode::Driver), link(2, 9));
        it.remove(ObjRef(9));
        assert_eq!(it.all().count(), 0);
    }
}
