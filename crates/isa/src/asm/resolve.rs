//! Labels: from names to distances.

use std::collections::HashMap;

use crate::{Callee, Imm64, Insn, Op};

use super::AsmError;

/// A label that an instruction leads to, and where it is named in the line.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    pub(super) at: usize,
}

/// An instruction whose distance is not known yet.
struct Pending<'a> {
    slot: usize,
    op: Op,
    target: Target<'a>,
    line: (&'a str, usize),
}

/// A program whose labels are still names.
#[derive(Default)]
pub(super) struct Unresolved<'a> {
    insns: Vec<Insn>,
    labels: HashMap<&'a str, (usize, usize)>,
    pending: Vec<Pending<'a>>,
}

impl<'a> Unresolved<'a> {
    /// Adds an instruction of a line. With a target, its distance is filled in at the end.
    pub(super) fn push(&mut self, op: Op, target: Option<Target<'a>>, line: (&'a str, usize)) {
        if let Some(target) = target {
            self.pending.push(Pending { slot: self.insns.len(), op, target, line });
        }
        op.encode_into(&mut self.insns);
    }

    /// Adds slots as they are.
    pub(super) fn push_raw(&mut self, insns: &[Insn]) {
        self.insns.extend_from_slice(insns);
    }

    /// Defines a label here. Gives the line of an earlier definition if there is one.
    pub(super) fn define(&mut self, name: &'a str, line: usize) -> Result<(), usize> {
        match self.labels.insert(name, (self.insns.len(), line)) {
            None => Ok(()),
            Some((_, earlier)) => Err(earlier),
        }
    }

    /// Fills in all distances.
    pub(super) fn resolve(mut self) -> Result<Vec<Insn>, AsmError> {
        for Pending { slot, op, target, line } in &self.pending {
            let error = |message| super::cursor::Fail { at: target.at, message }.in_line(line.0, line.1);
            let Some(&(to, _)) = self.labels.get(target.name) else {
                return Err(error(format!("there is no label `{}`", target.name)));
            };
            let distance = to as i64 - *slot as i64 - 1;
            let op = aimed(op, distance).map_err(error)?;
            let (first, second) = op.encode();
            for (place, insn) in
                self.insns.iter_mut().skip(*slot).zip([Some(first), second].into_iter().flatten())
            {
                *place = insn;
            }
        }
        Ok(self.insns)
    }
}

/// The instruction with its distance set.
fn aimed(op: &Op, distance: i64) -> Result<Op, String> {
    let near = i16::try_from(distance).map_err(|_| {
        let advice =
            if matches!(op, Op::Jump { .. }) { "use `gotol`" } else { "jump there by way of a `gotol`" };
        format!("the label is {distance} slots away, further than 16 bits reach; {advice}")
    });
    let far = i32::try_from(distance)
        .map_err(|_| format!("the label is {distance} slots away, further than 32 bits reach"));
    Ok(match *op {
        Op::Jump { .. } => Op::Jump { off: near? },
        Op::MayGoto { .. } => Op::MayGoto { off: near? },
        Op::Branch { op, width, dst, src, .. } => Op::Branch { op, width, dst, src, off: near? },
        Op::JumpLong { .. } => Op::JumpLong { off: far? },
        Op::Call(_) => Op::Call(Callee::Local(far?)),
        Op::LoadImm64 { dst, .. } => Op::LoadImm64 { dst, value: Imm64::Func(far?) },
        other => other,
    })
}
