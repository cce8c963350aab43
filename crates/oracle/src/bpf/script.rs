//! What a script is when it has been read.

use std::fmt::Write;

/// A number that is known when the script runs: of a descriptor, or the id of what it stands for. 4 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// The descriptor's name.
    pub name: String,
    /// The object's id instead of the descriptor.
    pub id: bool,
}

/// Bytes, some of which are symbols.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Bytes {
    /// The bytes; zero where symbols are.
    pub bytes: Vec<u8>,
    /// Offsets of symbols, ascending.
    pub symbols: Vec<(usize, Symbol)>,
}

/// One case: a sequence that starts from nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// What is done.
    pub steps: Vec<Step>,
}

/// A line of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The line.
    pub text: String,
    /// User memory that it needs: addresses and bytes.
    pub buffers: Vec<(u64, Bytes)>,
    /// What is done.
    pub act: Act,
}

/// What a step does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Nothing but making user memory.
    Nothing,
    /// The process writes to its memory.
    Put(u64, Bytes),
    /// `bpf(2)`.
    Call(Call),
    /// Closes a descriptor.
    Close(String),
    /// A second descriptor (first name) of the same open file (second name).
    Dup(String, String),
    /// Opens a directory (second) and names the descriptor (first).
    Open(String, String),
    /// `perf_event_open(2)`.
    Perf(Perf),
    /// `ioctl(2)`: descriptor, request, argument (8 bytes).
    Ioctl(String, u32, Bytes),
}

/// A call of `perf_event_open(2)`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Perf {
    /// The name of the descriptor that it answers.
    pub bind: Option<String>,
    /// The address of `struct perf_event_attr`.
    pub attr: u64,
    /// Thread.
    pub pid: i32,
    /// CPU.
    pub cpu: i32,
    /// The descriptor of the group's leader, 4 bytes.
    pub group: Bytes,
    /// `PERF_FLAG_*`.
    pub flags: u64,
}

/// A call of `bpf(2)`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Call {
    /// The name of the descriptor that it answers.
    pub bind: Option<String>,
    /// Which.
    pub command: u32,
    /// The attribute, as many bytes as the call says it has.
    pub attr: Bytes,
    /// Bytes of the attribute that are not compared: offset and length.
    pub attr_masks: Vec<(usize, usize)>,
    /// Bytes of user memory that are not compared: address and length.
    pub masks: Vec<(u64, usize)>,
}

impl Bytes {
    /// As text for a recording. `masked` says which bytes are not compared.
    pub fn text(&self, masked: impl Fn(usize) -> bool) -> String {
        let mut text = String::new();
        let mut at = 0;
        while at < self.bytes.len() {
            if let Some((_, symbol)) = self.symbols.iter().find(|(it, _)| *it == at) {
                let _ = write!(text, "<{}{}>", symbol.name, if symbol.id { ".id" } else { "" });
                at += 4;
                continue;
            }
            let end =
                self.symbols.iter().map(|it| it.0).filter(|it| *it > at).min().unwrap_or(self.bytes.len());
            let one = (masked(at), self.bytes[at]);
            let same = |it: usize| if one.0 { masked(it) } else { (masked(it), self.bytes[it]) == one };
            let run = (at..end).take_while(|it| same(*it)).count();
            let byte = if one.0 { "..".to_string() } else { format!("{:02x}", one.1) };
            let shown = if run < 4 { byte.repeat(run) } else { format!("[{byte}*{run}]") };
            text.push_str(&shown);
            at += run;
        }
        text
    }

    /// Without the zeroes at the end.
    pub fn trimmed(mut self) -> Bytes {
        let last = self.bytes.iter().rposition(|it| *it != 0).map_or(0, |it| it + 1);
        let symbols = self.symbols.last().map_or(0, |(at, _)| at + 4);
        self.bytes.truncate(last.max(symbols));
        self
    }

    /// Puts bytes at an offset. What reaches beyond the end makes it longer.
    pub(crate) fn put(&mut self, at: usize, other: Bytes) {
        let end = at + other.bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(&other.bytes);
        self.symbols.retain(|(it, _)| *it + 4 <= at || *it >= end);
        self.symbols.extend(other.symbols.into_iter().map(|(it, symbol)| (at + it, symbol)));
        self.symbols.sort_by_key(|it| it.0);
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, other: Bytes) {
        self.put(self.bytes.len(), other);
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes { bytes, symbols: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Symbol};

    #[test]
    fn text() {
        let mut bytes = Bytes::from(vec![1, 2, 2, 2, 2, 2, 3]);
        let symbol = Symbol { name: "m".into(), id: true };
        bytes.append(Bytes { bytes: vec![0; 4], symbols: vec![(0, symbol)] });
        bytes.append(Bytes::from(vec![0; 9]));
        assert_eq!(bytes.text(|_| false), "01[02*5]03<m.id>[00*9]");
        assert_eq!(bytes.text(|at| at < 2), "....[02*4]03<m.id>[00*9]");
        assert_eq!(bytes.trimmed().text(|_| false), "01[02*5]03<m.id>");
    }
}
