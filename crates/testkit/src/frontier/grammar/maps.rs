//! Maps: lookups with and without a check, values at an offset that a number tells.

use skep_abi::MapType;
use skep_abi::helpers::func;
use skep_isa::{AluOp, AtomicOp, Imm64, JmpOp, Op, Reg, Size, Width};

use super::super::{LOOKED_UP, MAPS, MAPS_OF_MAPS};
use super::{Builder, Kind};

impl Builder<'_, '_> {
    /// Looks an element up and checks the answer, mostly.
    pub(super) fn lookup(&mut self) {
        let map = self.input.below(LOOKED_UP);
        let shape = MAPS[map];
        if shape.max_entries == 1 && self.input.below(3) == 0 {
            let dst = self.saved();
            let off = if self.input.below(4) == 0 { self.input.below(shape.value_size as usize) } else { 0 };
            let off = self.about(off as i64) as u32;
            self.emit(Op::LoadImm64 { dst, value: Imm64::MapValue { fd: map as i32, off } });
            let kind = if off == 0 { Kind::Value(map) } else { Kind::Nothing };
            self.set(dst, kind);
            return;
        }
        let known = shape.kind == MapType::Array && self.input.below(3) == 0;
        let off = if known {
            let key = self.input.below(shape.max_entries as usize) as i64;
            let key = self.about(key) as i32;
            let off = -8 - 4 * self.input.below(2) as i16;
            self.emit(Op::store(Size::W, Reg::FP, off, key));
            off
        } else {
            self.bytes(shape.key_size as usize)
        };
        self.point(Reg::R2, off);
        self.emit(Op::map_fd(Reg::R1, map as i32));
        self.emit(Op::call(func::map_lookup_elem));
        self.clobber(Kind::MaybeValue(map));
        let copied = self.input.below(4) != 0;
        let reg = if copied { self.saved() } else { Reg::R0 };
        let late = copied && self.input.below(3) == 0;
        if copied && !late {
            self.copy(reg, Reg::R0);
        }
        if known && self.input.below(2) == 0 {
            // Constant keys of arrays need no check.
        } else if !self.slip() {
            let checked = if copied && !late && self.input.below(2) == 0 { reg } else { Reg::R0 };
            match self.input.below(4) {
                0 => {
                    let over = self.branch_over(JmpOp::Ne, Width::W64, checked, 0);
                    self.leave();
                    self.land(over);
                }
                1 => {
                    // The rest of the function is for the case that it is there.
                    let over = self.branch_over(JmpOp::Eq, Width::W64, checked, 0);
                    self.kinds[0] = Kind::Value(map);
                    self.set(reg, Kind::Value(map));
                    if late {
                        self.copy(reg, Reg::R0);
                    }
                    let kinds = self.kinds;
                    self.body(3);
                    self.leave();
                    self.land(over);
                    self.kinds = kinds;
                    self.set(Reg::R0, Kind::Number);
                    self.set(reg, Kind::Nothing);
                    return;
                }
                _ => self.require(JmpOp::Ne, Width::W64, checked, 0),
            }
        }
        if late {
            self.copy(reg, Reg::R0);
        }
        self.set(Reg::R0, Kind::Value(map));
        self.set(reg, Kind::Value(map));
    }

    /// A map out of a map of maps, and an element of it.
    pub(super) fn inner_map(&mut self) {
        let Some(inner) = MAPS[MAPS_OF_MAPS].inner else { return };
        let key = self.bytes(4);
        self.point(Reg::R2, key);
        self.emit(Op::map_fd(Reg::R1, MAPS_OF_MAPS as i32));
        self.emit(Op::call(func::map_lookup_elem));
        self.clobber(Kind::Nothing);
        if !self.slip() {
            self.require(JmpOp::Ne, Width::W64, Reg::R0, 0);
        }
        let key = self.bytes(4);
        self.emit(Op::mov64(Reg::R1, Reg::R0));
        self.point(Reg::R2, key);
        self.emit(Op::call(func::map_lookup_elem));
        self.clobber(Kind::MaybeValue(inner));
        let reg = self.saved();
        self.copy(reg, Reg::R0);
        if !self.slip() {
            self.require(JmpOp::Ne, Width::W64, reg, 0);
        }
        self.set(Reg::R0, Kind::Value(inner));
        self.set(reg, Kind::Value(inner));
    }

    /// Reads or writes a value.
    pub(super) fn value_access(&mut self) {
        let Some(value) = self.find(|it| matches!(it, Kind::Value(_))) else { return self.lookup() };
        let Kind::Value(map) = self.kind(value) else { return };
        let len = i64::from(MAPS[map].value_size);
        let size = self.size();
        let bytes = size.bytes() as i64;
        if len < bytes {
            return;
        }
        let (base, off) = match self.input.below(4) {
            0 => (value, self.input.below((len - bytes + 1) as usize) as i64),
            1 => (value, len - bytes),
            _ => match self.indexed(value, len - bytes) {
                Some(place) => place,
                None => return,
            },
        };
        let off = self.about(off) as i16;
        self.access(size, base, off);
        if base != value {
            self.set(base, Kind::Nothing);
        }
    }

    /// A pointer into a value by a number, and what may be added to it: `most` is the last offset.
    fn indexed(&mut self, value: Reg, most: i64) -> Option<(Reg, i64)> {
        let pointer = self.target();
        if pointer == value {
            return None;
        }
        let fixed = self.input.below((most + 1) as usize) as i64;
        let reach = most - fixed;
        let shift = self.input.below(4) as i64;
        let index = self.index(reach >> shift);
        if index == pointer || index == value || index == Reg::FP {
            return None;
        }
        if shift > 0 {
            self.alu(AluOp::Lsh, Width::W64, index, shift as i32);
        }
        match self.input.below(5) {
            0 => {
                // index + pointer, in this order.
                self.emit(Op::mov64(pointer, index));
                self.alu(AluOp::Add, Width::W64, pointer, value);
            }
            1 => {
                self.emit(Op::mov64(pointer, value));
                self.alu(AluOp::Add, Width::W64, pointer, (reach + fixed) as i32);
                self.alu(AluOp::Sub, Width::W64, pointer, index);
                return Some((pointer, 0));
            }
            2 => {
                self.emit(Op::mov64(pointer, value));
                self.alu(AluOp::Add, Width::W64, pointer, fixed as i32);
                self.alu(AluOp::Add, Width::W64, pointer, index);
                return Some((pointer, 0));
            }
            _ => {
                self.emit(Op::mov64(pointer, value));
                self.alu(AluOp::Add, Width::W64, pointer, index);
            }
        }
        Some((pointer, fixed))
    }

    /// A load, store or atomic operation.
    pub(super) fn access(&mut self, size: Size, base: Reg, off: i16) {
        match self.input.below(8) {
            0 | 1 => {
                let value = self.immediate();
                self.emit(Op::store(size, base, off, value));
            }
            2 => {
                let value = self.some_number();
                self.emit(Op::store(size, base, off, value));
            }
            3 if size.bytes() >= 4 => {
                let reg = self.some_number();
                let op = self.input.pick(AtomicOp::ALL);
                if op == AtomicOp::CmpXchg && self.kinds[0] != Kind::Number {
                    self.number(Reg::R0, 1);
                }
                self.emit(Op::Atomic { op, size, base, off, reg });
            }
            _ => {
                let dst = self.target();
                let signed = size != Size::DW && self.input.below(4) == 0;
                self.emit(Op::Load { size, signed, dst, base, off });
                self.set(dst, Kind::Number);
            }
        }
    }
}
