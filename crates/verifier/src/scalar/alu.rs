//! Arithmetic (`adjust_scalar_min_max_vals`).

use skep_isa::{AluOp, End, Width};

use super::Scalar;
use super::bounds::{Bounds32, Bounds64};
use crate::tnum::Tnum;

/// `dst = dst op src` for every pair of values (`src` alone for the moves, `dst` alone for negation).
///
/// Both widths of bounds are computed for sums, products and bitwise operations whatever the width of the operation; a
/// 32-bit one then drops the 64-bit bounds. What [`computable`] does not allow gives [`Scalar::UNKNOWN`], all 64 bits of
/// it even for a 32-bit operation.
pub fn alu(op: AluOp, width: Width, dst: &mut Scalar, src: &Scalar) {
    if !computable(op, width, src) {
        *dst = Scalar::UNKNOWN;
        return;
    }
    match op {
        AluOp::Mov | AluOp::MovSx8 | AluOp::MovSx16 | AluOp::MovSx32 => return mov(op, width, dst, src),
        AluOp::Add => add(dst, src),
        AluOp::Sub => sub(dst, src),
        AluOp::Neg => {
            let mut negated = Scalar::constant(0);
            sub(&mut negated, dst);
            *dst = negated;
        }
        AluOp::Mul => {
            dst.var_off = dst.var_off.mul(src.var_off);
            dst.set32(dst.bounds32().mul(src.bounds32()));
            dst.set64(dst.bounds64().mul(src.bounds64()));
        }
        AluOp::And | AluOp::Or | AluOp::Xor => bitwise(op, dst, src),
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => match width {
            Width::W64 => shift64(op, dst, src.umin as u32),
            Width::W32 => shift32(op, dst, src.u32_min),
        },
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod => *dst = Scalar::UNKNOWN,
    }
    if width == Width::W32 {
        dst.zero_extend_32();
    }
    dst.sync();
}

/// Whether anything is said of the result: not for division, and for shifts only if the amount is one number below the
/// width (`is_safe_to_compute_dst_reg_range`).
pub fn computable(op: AluOp, width: Width, src: &Scalar) -> bool {
    match op {
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod => false,
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => {
            let one = match width {
                Width::W64 => src.is_const() && src.smin == src.smax && src.umin == src.umax,
                Width::W32 => src.is_const32() && src.s32_min == src.s32_max && src.u32_min == src.u32_max,
            };
            one && src.umax < u64::from(width.bits())
        }
        _ => true,
    }
}

/// What a mask that is 0 or -1 becomes before `dst &= src` and `dst |= src` with a known `src` (`maybe_fork_scalars`):
/// two paths, of which the first, with 0, comes later and begins with this instruction again. `None`: it is no such mask.
pub fn fork(op: AluOp, dst: &Scalar, src: &Scalar) -> Option<[Scalar; 2]> {
    if !matches!(op, AluOp::And | AluOp::Or) || !src.is_const() {
        return None;
    }
    if (dst.smin, dst.smax) == (-1, 0) {
        return Some([Scalar::constant(0), Scalar::constant(u64::MAX)]);
    }
    if (dst.s32_min, dst.s32_max) != (-1, 0) {
        return None;
    }
    let mut paths = [*dst, *dst];
    paths[0].mark_known32(0);
    paths[1].mark_known32(u32::MAX);
    Some(paths)
}

/// A conversion of byte order on a little-endian machine (`scalar_byte_swap`): bits move, ranges are forgotten.
pub fn end(kind: End, bits: u8, dst: &mut Scalar) {
    if kind != End::ToLe {
        let swap = |half: u64| End::Swap.eval(bits, half);
        dst.var_off = Tnum { value: swap(dst.var_off.value), mask: swap(dst.var_off.mask) };
        dst.unbounded();
    }
    if bits < 64 {
        dst.truncate(u32::from(bits) / 8);
    }
    dst.sync();
}

fn mov(op: AluOp, width: Width, dst: &mut Scalar, src: &Scalar) {
    *dst = *src;
    let size = match op {
        AluOp::MovSx8 => 1,
        AluOp::MovSx16 => 2,
        AluOp::MovSx32 => 4,
        _ => 0,
    };
    match width {
        Width::W64 if size != 0 => dst.sign_extend(size),
        Width::W64 => {}
        Width::W32 => {
            if size == 1 || size == 2 {
                dst.sign_extend_32(size);
            }
            dst.zero_extend_32();
            dst.sync();
        }
    }
}

/// A sum, without the sync: linked registers that differ by a constant want it bare.
pub fn add(dst: &mut Scalar, src: &Scalar) {
    dst.set32(dst.bounds32().add(src.bounds32()));
    dst.set64(dst.bounds64().add(src.bounds64()));
    dst.var_off = dst.var_off.add(src.var_off);
}

fn sub(dst: &mut Scalar, src: &Scalar) {
    dst.set32(dst.bounds32().sub(src.bounds32()));
    dst.set64(dst.bounds64().sub(src.bounds64()));
    dst.var_off = dst.var_off.sub(src.var_off);
}

fn bitwise(op: AluOp, dst: &mut Scalar, src: &Scalar) {
    let bits = match op {
        AluOp::And => dst.var_off.and(src.var_off),
        AluOp::Or => dst.var_off.or(src.var_off),
        _ => dst.var_off.xor(src.var_off),
    };
    dst.var_off = bits;
    // The result may be known where the operands are not (x & 0): then its bounds come from the tnum, in sync.
    if bits.is_const_subreg() && src.is_const32() {
        dst.mark_known32(bits.value as u32);
    } else {
        let (a, b) = (dst.bounds32(), src.bounds32());
        dst.set32(match op {
            AluOp::And => a.and(b, bits),
            AluOp::Or => a.or(b, bits),
            _ => Bounds32::xor(bits),
        });
    }
    if bits.is_const() && src.is_const() {
        dst.mark_known(bits.value);
    } else {
        let (a, b) = (dst.bounds64(), src.bounds64());
        dst.set64(match op {
            AluOp::And => a.and(b, bits),
            AluOp::Or => a.or(b, bits),
            _ => Bounds64::xor(bits),
        });
        dst.update_bounds();
    }
}

/// Shifts by `by` below 64. What crosses the middle says nothing of the low half but through the tnum.
fn shift64(op: AluOp, dst: &mut Scalar, by: u32) {
    let (wide, low) = (dst.bounds64(), dst.bounds32());
    dst.unbounded32();
    match op {
        AluOp::Lsh => {
            dst.set64(wide.lshift(by));
            if by == 32 {
                // With `s>>= 32` this is how compilers extend the sign.
                (dst.smin, dst.smax) = (i64::from(low.smin) << 32, i64::from(low.smax) << 32);
            }
            if by < 32 {
                dst.set32(low.lshift(by));
            }
            dst.var_off = dst.var_off.lshift(by as u8);
        }
        AluOp::Rsh => {
            dst.set64(wide.rshift(by));
            dst.var_off = dst.var_off.rshift(by as u8);
        }
        _ => {
            dst.set64(wide.arshift(by));
            dst.var_off = dst.var_off.arshift(by as u8, 64);
        }
    }
    dst.update_bounds();
}

/// Shifts by `by` below 32. The 64-bit bounds follow by zero extension.
fn shift32(op: AluOp, dst: &mut Scalar, by: u32) {
    let low = dst.bounds32();
    let bits = dst.var_off.subreg();
    match op {
        AluOp::Lsh => {
            dst.set32(low.lshift(by));
            dst.var_off = bits.lshift(by as u8).subreg();
        }
        AluOp::Rsh => {
            dst.set32(low.rshift(by));
            dst.var_off = bits.rshift(by as u8);
        }
        _ => {
            dst.set32(low.arshift(by));
            dst.var_off = bits.arshift(by as u8, 32);
        }
    }
    dst.unbounded64();
    dst.update_bounds32();
}
