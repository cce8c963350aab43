//! Handlers of loads, stores and atomics. A refused access stops: stepping it makes the report.

use std::marker::PhantomData;

use skep_isa::{AtomicOp, Operand, Reg, Size};

use super::code::Code;
use super::handler::{At, Consume, Exec, Handler, Next, Produce, Then, handler};
use super::operand::{self, Form, Forms, each};
use crate::atomic::on_cell;
use crate::stack::FRAME_BYTES;

/// Whether `size` bytes may be accessed at `base + off`, by the shadow of loads or of stores.
///
/// The sign test is on the base: from a sign-extended 32-bit number, no offset leads out of the shadow and its guards.
///
/// # Safety
/// `shadow` is one of a live memory.
#[inline(always)]
unsafe fn allowed(shadow: *const u8, base: u64, addr: u64, size: usize) -> bool {
    // SAFETY: as of the caller, and the base was tested.
    base as i32 as i64 as u64 == base
        && unsafe { usize::from(shadow.wrapping_offset(addr as isize).read()) } >= size
}

impl At {
    /// # Safety
    /// As of [`Exec::exec`].
    #[inline(always)]
    unsafe fn off(self) -> u64 {
        // SAFETY: as of the caller.
        i64::from(unsafe { (*self.op).off }) as u64
    }
}

/// Whether an access through r10 stays in the frame, which the machine keeps accessible: such a one needs no check.
fn in_frame(base: Reg, off: i16, size: Size) -> bool {
    base == Reg::FP && off >= -(FRAME_BYTES as i16) && off as i32 + size.bytes() as i32 <= 0
}

const fn size_of<const SIZE: usize>() -> Size {
    Size::ALL[SIZE]
}

/// `dst = *(src + off)`.
pub(super) struct Load<const SIZE: usize, const SIGNED: bool, const CHECKED: bool>;

impl<const SIZE: usize, const SIGNED: bool, const CHECKED: bool> Load<SIZE, SIGNED, CHECKED> {
    /// # Safety
    /// As for [`Exec::exec`].
    #[inline(always)]
    unsafe fn load(at: At, base: u64) -> Option<u64> {
        let size = const { size_of::<SIZE>() };
        // SAFETY: as of the caller; what is loaded was checked, or is in the frame.
        unsafe {
            let addr = base.wrapping_add(at.off());
            if CHECKED && !allowed(at.loads, base, addr, size.bytes()) {
                return None;
            }
            let value = at.window().load(addr, size.bytes());
            Some(if SIGNED { size.sign_extend(value) } else { value })
        }
    }
}

impl<const SIZE: usize, const SIGNED: bool, const CHECKED: bool> Produce for Load<SIZE, SIGNED, CHECKED> {
    #[inline(always)]
    unsafe fn produce(at: At) -> Option<u64> {
        // SAFETY: as of the caller.
        unsafe { Self::load(at, at.src()) }
    }
}

impl<const SIZE: usize, const SIGNED: bool, const CHECKED: bool> Consume for Load<SIZE, SIGNED, CHECKED> {
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(value);
            let load = at.second();
            match Self::load(load, value) {
                Some(loaded) => {
                    load.set_dst(loaded);
                    load.next(1)
                }
                None => load.stop(),
            }
        }
    }
}

const fn load_row<const SIZE: usize>() -> [Handler; 4] {
    [
        handler::<Then<Load<SIZE, false, false>, Next>>,
        handler::<Then<Load<SIZE, false, true>, Next>>,
        handler::<Then<Load<SIZE, true, false>, Next>>,
        handler::<Then<Load<SIZE, true, true>, Next>>,
    ]
}

/// By size, in the order of [`Size::ALL`].
static LOAD: [[Handler; 4]; Size::ALL.len()] = each!(load_row: 0 1 2 3);

pub(super) fn load(size: Size, signed: bool, dst: Reg, base: Reg, off: i16) -> Code {
    let checked = usize::from(!in_frame(base, off, size));
    let handler = LOAD[size as usize][2 * usize::from(signed) + checked];
    Code { handler, dst: dst.number(), src: base.number(), off, imm: 0 }
}

/// `*(dst + off) = src`.
pub(super) struct Store<const SIZE: usize, F, const CHECKED: bool>(PhantomData<F>);

impl<const SIZE: usize, F: Form, const CHECKED: bool> Store<SIZE, F, CHECKED> {
    /// # Safety
    /// As for [`Exec::exec`].
    #[inline(always)]
    unsafe fn store(at: At, base: u64) -> *const Code {
        let size = const { size_of::<SIZE>() };
        // SAFETY: as of the caller; what is stored to was checked, or is in the frame.
        unsafe {
            let addr = base.wrapping_add(at.off());
            if CHECKED && !allowed(at.stores, base, addr, size.bytes()) {
                return at.stop();
            }
            at.window().store(addr, size.bytes(), F::operand(at));
            at.next(1)
        }
    }
}

impl<const SIZE: usize, F: Form, const CHECKED: bool> Exec for Store<SIZE, F, CHECKED> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe { Self::store(at, at.dst()) }
    }
}

impl<const SIZE: usize, F: Form, const CHECKED: bool> Consume for Store<SIZE, F, CHECKED> {
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(value);
            Self::store(at.second(), value)
        }
    }
}

const fn store_forms<const SIZE: usize, const CHECKED: bool>() -> Forms {
    Forms {
        reg: handler::<Store<SIZE, operand::Reg, CHECKED>>,
        imm: handler::<Store<SIZE, operand::Imm, CHECKED>>,
    }
}

const fn store_row<const SIZE: usize>() -> [Forms; 2] {
    [store_forms::<SIZE, false>(), store_forms::<SIZE, true>()]
}

/// By size, in the order of [`Size::ALL`], and by whether it is checked.
static STORE: [[Forms; 2]; Size::ALL.len()] = each!(store_row: 0 1 2 3);

pub(super) fn store(size: Size, base: Reg, off: i16, value: Operand) -> Code {
    let checked = usize::from(!in_frame(base, off, size));
    STORE[size as usize][checked].code(base, off, value)
}

/// An atomic operation on `*(dst + off)` with `src`, at 4 or 8 bytes and aligned.
struct Atomic<const OP: usize, const SIZE: usize>;

impl<const OP: usize, const SIZE: usize> Exec for Atomic<OP, SIZE> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        let (op, size) = const { (AtomicOp::ALL[OP], size_of::<SIZE>()) };
        // SAFETY: as of the caller; the bytes were checked, and other accesses to them come from this thread.
        unsafe {
            let base = at.dst();
            let addr = base.wrapping_add(at.off());
            if (op.loads() && !allowed(at.loads, base, addr, size.bytes()))
                || (op.stores() && !allowed(at.stores, base, addr, size.bytes()))
                || !at.window().data_at(addr).addr().is_multiple_of(size.bytes())
            {
                return at.stop();
            }
            let old = on_cell(at.window().data_at(addr), op, size, at.src(), at.reg(Reg::R0.number()));
            match const { op_result(OP) } {
                None => {}
                Some(Reg::R0) => at.set(Reg::R0.number(), old),
                Some(_) => at.set((*at.op).src, old),
            }
            at.next(1)
        }
    }
}

/// Where an operation puts the old value: `R0`, or its operand register, here R1.
const fn op_result(op: usize) -> Option<Reg> {
    AtomicOp::ALL[op].result(Reg::R1)
}

const fn atomic_row<const OP: usize>() -> [Handler; 2] {
    [handler::<Atomic<OP, 2>>, handler::<Atomic<OP, 3>>]
}

/// By operation, in the order of [`AtomicOp::ALL`], which is that of the enum.
static ATOMIC: [[Handler; 2]; AtomicOp::ALL.len()] = each!(atomic_row: 0 1 2 3 4 5 6 7 8 9 10 11);

pub(super) fn atomic(op: AtomicOp, size: Size, base: Reg, off: i16, reg: Reg) -> Code {
    let column = match size {
        Size::W => 0,
        Size::DW => 1,
        Size::B | Size::H => return Code::STOP,
    };
    Code { handler: ATOMIC[op as usize][column], dst: base.number(), src: reg.number(), off, imm: 0 }
}
