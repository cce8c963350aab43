//! What the verifier prints: states, registers, instructions and lines.

use super::disasm::Shown;
use super::reg::{FrameText, Names, RegText, Which};
use crate::check::is_kfunc_call;
use crate::code::is_wide;
use crate::input::Line;
use crate::state::State;
use crate::state::reg::{BtfNr, Reg};
use crate::verifier::Verifier;

/// Where what an instruction changed begins, at the least (`BPF_LOG_ALIGNMENT`).
const COLUMN: usize = 40;
/// How far it moves for longer instructions (`BPF_LOG_MIN_ALIGNMENT`).
const STEP: usize = 8;
/// The kernel prints no more than this at one time (`BPF_VERIFIER_TMP_LOG_SIZE`, with the terminating zero).
const MAX_PRINT: usize = 1023;

impl Verifier<'_> {
    /// Prints a frame's registers and stack: what changed, or all (`print_verifier_state`).
    pub(crate) fn print_verifier_state(&mut self, frameno: usize, print_all: bool) {
        let which = self.which(print_all);
        let Verifier { log, maps, btfs, cur, .. } = self;
        print_frame(log, Names { maps, btfs }, cur, frameno, which);
        if !print_all {
            self.mark_verifier_state_clean();
        }
    }

    fn which(&self, print_all: bool) -> Which {
        if print_all { Which::All } else { Which::Scratched(self.scratched_regs, self.scratched_slots) }
    }

    /// Nothing changed since the state was printed (`mark_verifier_state_clean`).
    pub(crate) fn mark_verifier_state_clean(&mut self) {
        self.scratched_regs = 0;
        self.scratched_slots = 0;
    }

    /// Prints what the last instruction changed, behind it (`print_insn_state`).
    pub(crate) fn print_insn_state(&mut self, frameno: usize) {
        let behind = self.prev_log_pos != 0 && self.prev_log_pos == self.log.pos();
        if behind {
            self.log.reset(self.prev_log_pos - 1);
            let width = alignment(self.prev_insn_print_pos);
            self.log.write(format_args!("{:width$};", ' '));
        } else {
            let insn_idx = self.insn_idx;
            self.log.write(format_args!("{insn_idx}:"));
        }
        self.print_verifier_state(frameno, false);
    }

    /// Prints an instruction, without its number (`verbose_insn`).
    pub(crate) fn verbose_insn(&mut self, insn_idx: usize) {
        let insn = self.insns[insn_idx];
        let high = if is_wide(insn) { self.insns.get(insn_idx + 1).map_or(0, |it| it.imm) } else { 0 };
        let btf = if insn.off == 0 { Some(BtfNr::KERNEL) } else { self.aux[insn_idx].kfunc_btf };
        let btf = btf.filter(|_| is_kfunc_call(insn)).and_then(|nr| self.btfs.get(usize::from(nr.0)));
        let kfunc = btf.map(|btf| btf.name(insn.imm as u32));
        self.log.write(format_args!("{}\n", Shown { insn, high, kfunc }));
    }

    /// Prints the line of C that an instruction is from, if it is another one than the last (`verbose_linfo`).
    pub(crate) fn verbose_linfo(&mut self, insn_idx: usize, prefix: &str) {
        if self.log.level == 0 {
            return;
        }
        let lines = self.prog.lines;
        let Some(last) = lines.len().checked_sub(1) else { return };
        let nr = lines.partition_point(|it| it.slot as usize <= insn_idx).saturating_sub(1).min(last);
        let line = &lines[nr];
        if self.prev_line.is_some_and(|prev| prev == nr || same_line(&lines[prev], line)) {
            return;
        }
        let text = line.text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        let file = line.file.rsplit('/').next().unwrap_or(line.file);
        self.log.write(format_args!("{prefix}{} @ {file}:{}\n", cut(text), line.line));
        self.prev_line = Some(nr);
    }

    /// What a register holds, as messages have it (`print_reg_state`).
    pub(crate) fn reg_text(&self, frameno: usize, reg: &Reg) -> String {
        let names = Names { maps: &self.maps, btfs: &self.btfs };
        RegText { names, frameno: frameno as u32, reg }.to_string()
    }
}

fn print_frame(log: &mut super::Log, names: Names<'_>, state: &State, frameno: usize, which: Which) {
    let frame = FrameText { names, state, frameno, which };
    log.write(format_args!("{frame}\n"));
}

/// Whether two records are of one line: the columns are not shown.
fn same_line(a: &Line<'_>, b: &Line<'_>) -> bool {
    a.line == b.line && a.file == b.file
}

fn cut(text: &str) -> &str {
    if text.len() <= MAX_PRINT { text } else { &text[..floor_char(text, MAX_PRINT)] }
}

/// Blanks between an instruction and what it changed (`vlog_alignment`).
fn alignment(pos: usize) -> usize {
    COLUMN.max(pos + STEP / 2).next_multiple_of(STEP) - pos - 1
}

/// The longest prefix of at most that many bytes that ends between characters.
fn floor_char(text: &str, most: usize) -> usize {
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
