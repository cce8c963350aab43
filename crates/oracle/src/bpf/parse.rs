//! Reads scripts.

use std::collections::HashMap;
use std::fmt;

use skep_isa::Insn;
use skep_isa::asm::assemble;

use super::ATTR;
use super::fields::{command, field};
use super::script::{Act, Bytes, Call, Case, Perf, Step, Symbol};
use super::words::{literal, number};

/// What is wrong with a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// The line, loops written out.
    pub line: String,
    /// Why it makes no sense.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.line, self.message)
    }
}

impl std::error::Error for Mistake {}

/// Where the first buffer of a case is.
const BUFFERS: u64 = 1 << 32;
/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;
/// An immediate that stands for the first symbol of a program.
const MARK: i32 = 0x5ab0_0000;

/// The cases of a script.
///
/// # Errors
/// [`Mistake`] for the first line that makes no sense.
pub fn parse(text: &str) -> Result<Vec<Case>, Mistake> {
    let mut cases = Vec::new();
    let mut reader = Reader::default();
    for line in written_out(text) {
        if let Some(name) = line.strip_prefix("case ") {
            reader = Reader::default();
            cases.push(Case { name: name.trim().to_string(), steps: Vec::new() });
            continue;
        }
        let fail = |message: String| Mistake { line: line.clone(), message };
        let Some(case) = cases.last_mut() else { return Err(fail("no case has begun".into())) };
        let act = reader.step(&line).map_err(fail)?;
        let buffers = std::mem::take(&mut reader.new);
        case.steps.push(Step { text: line, buffers, act });
    }
    Ok(cases)
}

/// Lines without comments, with loops written out.
fn written_out(text: &str) -> Vec<String> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#')).collect();
    let mut out = Vec::new();
    write_out(&lines, &mut out);
    out
}

/// Writes lines out up to the end of the loop that they are in; answers how many there were.
fn write_out(lines: &[&str], out: &mut Vec<String>) -> usize {
    let mut at = 0;
    while at < lines.len() && lines[at] != "end" {
        match lines[at].strip_prefix("for ").and_then(loop_head) {
            Some((name, range)) => {
                let mut body = Vec::new();
                let taken = write_out(&lines[at + 1..], &mut body);
                for value in range {
                    let hole = format!("{{{name}}}");
                    out.extend(body.iter().map(|line| line.replace(&hole, &value.to_string())));
                }
                at += taken + 2;
            }
            None => {
                out.push(lines[at].to_string());
                at += 1;
            }
        }
    }
    at
}

/// `i in 0..4`.
fn loop_head(text: &str) -> Option<(&str, std::ops::Range<u64>)> {
    let (name, range) = text.split_once(" in ")?;
    let (from, to) = range.split_once("..")?;
    Some((name, from.parse().ok()?..to.parse().ok()?))
}

/// What has been read of a case.
struct Reader {
    /// Buffers by name: address and bytes.
    named: HashMap<String, (u64, usize)>,
    /// Those of the current step.
    new: Vec<(u64, Bytes)>,
    /// The first page that is free.
    next: u64,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { named: HashMap::new(), new: Vec::new(), next: BUFFERS }
    }
}

impl Reader {
    fn step(&mut self, line: &str) -> Result<Act, String> {
        let tokens = tokens(line)?;
        let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["buf", name, rest @ ..] => {
                let bytes = self.bytes(rest)?;
                let len = bytes.bytes.len();
                let address = self.buffer(bytes);
                self.named.insert((*name).to_string(), (address, len));
                Ok(Act::Nothing)
            }
            ["put", at, rest @ ..] => Ok(Act::Put(self.address(at)?, self.bytes(rest)?)),
            ["close", name] => Ok(Act::Close(symbol(name)?.name)),
            [bind, "=", "dup", name] => Ok(Act::Dup((*bind).to_string(), symbol(name)?.name)),
            [bind, "=", "open", path] => {
                Ok(Act::Open((*bind).to_string(), path.trim_matches('"').to_string()))
            }
            ["ioctl", name, request, arg] => {
                let request = literal(request).ok_or("a request is a number")? as u32;
                Ok(Act::Ioctl(symbol(name)?.name, request, self.value("", 8, arg)?))
            }
            [bind, "=", "perf_event_open", fields @ ..] => {
                self.perf(Some((*bind).to_string()), fields).map(Act::Perf)
            }
            ["perf_event_open", fields @ ..] => self.perf(None, fields).map(Act::Perf),
            [bind, "=", name, fields @ ..] => {
                self.call(Some((*bind).to_string()), name, fields).map(Act::Call)
            }
            [name, fields @ ..] => self.call(None, name, fields).map(Act::Call),
            [] => Err("an empty line".into()),
        }
    }

    /// `perf_event_open`, on CPU 0 and for nobody in particular unless it says otherwise.
    fn perf(&mut self, bind: Option<String>, words: &[&str]) -> Result<Perf, String> {
        let group = Bytes::from((-1i32).to_le_bytes().to_vec());
        let mut perf = Perf { bind, pid: -1, group, ..Perf::default() };
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is no field=value"))?;
            let bytes = self.value(key, if key == "group" { 4 } else { 8 }, value)?;
            let number = bytes.bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            match key {
                "attr" => perf.attr = number,
                "pid" => perf.pid = number as i32,
                "cpu" => perf.cpu = number as i32,
                "group" => perf.group = bytes,
                "flags" => perf.flags = number,
                _ => return Err(format!("perf_event_open has no `{key}`")),
            }
        }
        Ok(perf)
    }

    fn call(&mut self, bind: Option<String>, name: &str, words: &[&str]) -> Result<Call, String> {
        let command_number = command(name).ok_or("no such command")?;
        let mut call = Call { bind, command: command_number, ..Call::default() };
        let mut size = ATTR;
        let mut attr = Bytes::from(vec![0; ATTR]);
        for word in words {
            if let Some(mask) = word.strip_prefix('~') {
                self.mask(name, mask, &attr, &mut call)?;
                continue;
            }
            let (key, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is no field=value"))?;
            if key == "size" {
                size = literal(value).ok_or("size is no number")? as usize;
            } else if let Some(at) = key.strip_prefix("at").and_then(|it| it.parse().ok()) {
                attr.put(at, self.bytes(&[value])?);
            } else if key == "prog" {
                self.program(value, &mut attr)?;
            } else {
                let place = field(name, key).ok_or_else(|| format!("{name} has no field `{key}`"))?;
                attr.put(place.offset, self.value(key, place.size(), value)?);
            }
        }
        if name == "PROG_TEST_RUN" {
            call.attr_masks.push((field(name, "duration").map_or(0, |it| it.offset), 4));
        }
        attr.bytes.resize(size, 0);
        attr.symbols.retain(|(at, _)| at + 4 <= size);
        call.attr = attr;
        Ok(call)
    }

    fn mask(&self, name: &str, mask: &str, attr: &Bytes, call: &mut Call) -> Result<(), String> {
        if mask == "PROG" {
            // Of struct bpf_prog_info: jited_prog_len, load_time, run_time_ns.
            let info = u64::from_le_bytes(attr.bytes[8..16].try_into().map_err(|_| "no info")?);
            call.masks.extend([(info + 16, 4), (info + 40, 8), (info + 192, 8)]);
            return Ok(());
        }
        if mask.starts_with('&') {
            let (at, len) = mask.split_once(':').ok_or("a mask is ~&name+at:len")?;
            call.masks.push((self.address(at)?, literal(len).ok_or("a mask's length is a number")? as usize));
            return Ok(());
        }
        let place = field(name, mask).ok_or_else(|| format!("no field `{mask}`"))?;
        call.attr_masks.push((place.offset, place.size()));
        Ok(())
    }

    fn program(&mut self, text: &str, attr: &mut Bytes) -> Result<(), String> {
        let insns = self.bytes(&[text])?;
        let count = insns.bytes.len() as u32 / 8;
        let address = self.buffer(insns);
        attr.put(4, Bytes::from(count.to_le_bytes().to_vec()));
        attr.put(8, Bytes::from(address.to_le_bytes().to_vec()));
        Ok(())
    }

    /// The value of a field of so many bytes.
    fn value(&mut self, name: &str, size: usize, text: &str) -> Result<Bytes, String> {
        if size > 8 {
            let mut bytes = self.bytes(&[text])?;
            if bytes.bytes.len() > size {
                return Err(format!("`{name}` has {} bytes", size));
            }
            bytes.bytes.resize(size, 0);
            return Ok(bytes);
        }
        if text.starts_with('$') {
            let mut bytes = Bytes { bytes: vec![0; 4], symbols: vec![(0, symbol(text)?)] };
            bytes.bytes.resize(size, 0);
            return Ok(bytes);
        }
        let value = if text.starts_with(['[', '"', '{']) {
            let mut bytes = self.bytes(&[text])?;
            if text.starts_with('"') {
                bytes.append(Bytes::from(vec![0]));
            }
            self.buffer(bytes)
        } else {
            text.split('|').try_fold(0, |sum, word| Ok::<u64, String>(sum | self.number(name, word)?))?
        };
        Ok(Bytes::from(value.to_le_bytes()[..size].to_vec()))
    }

    fn number(&self, name: &str, word: &str) -> Result<u64, String> {
        if word.starts_with('&') {
            return self.address(word);
        }
        if let Some(name) = word.strip_prefix('#') {
            return self.named.get(name).map(|it| it.1 as u64).ok_or_else(|| format!("no buffer `{name}`"));
        }
        number(name, word).ok_or_else(|| format!("`{word}` is no number"))
    }

    /// `&name`, `&name+4`, `&name+4*3`, `&name-4`, or a number.
    fn address(&self, text: &str) -> Result<u64, String> {
        let Some(name) = text.strip_prefix('&') else {
            return literal(text).ok_or_else(|| format!("`{text}` is no address"));
        };
        let (name, offset) = match name.find(['+', '-']) {
            Some(at) => (&name[..at], product(name[at..].trim_start_matches('+')).ok_or("no offset")?),
            None => (name, 0),
        };
        let (address, _) = self.named.get(name).ok_or_else(|| format!("no buffer `{name}`"))?;
        Ok(address.wrapping_add(offset))
    }

    /// New user memory that ends where a page ends.
    fn buffer(&mut self, bytes: Bytes) -> u64 {
        let len = bytes.bytes.len() as u64;
        let pages = len.div_ceil(PAGE).max(1);
        let address = self.next + pages * PAGE - len;
        self.next += (pages + 1) * PAGE;
        self.new.push((address, bytes));
        address
    }

    fn bytes(&self, words: &[&str]) -> Result<Bytes, String> {
        let mut bytes = Bytes::default();
        for word in words {
            if let Some(inside) = word.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                let inside = tokens(inside)?;
                bytes.append(self.bytes(&inside.iter().map(String::as_str).collect::<Vec<_>>())?);
            } else if let Some(text) = word.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
                bytes.append(instructions(text)?);
            } else {
                bytes.append(self.item(word)?);
            }
        }
        Ok(bytes)
    }

    fn item(&self, word: &str) -> Result<Bytes, String> {
        if let Some(text) = word.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
            return Ok(Bytes::from(text.as_bytes().to_vec()));
        }
        if word.starts_with('$') {
            return Ok(Bytes { bytes: vec![0; 4], symbols: vec![(0, symbol(word)?)] });
        }
        if word.starts_with('&') {
            return Ok(Bytes::from(self.address(word)?.to_le_bytes().to_vec()));
        }
        for (name, size) in [("u8(", 1), ("u16(", 2), ("u32(", 4), ("u64(", 8)] {
            if let Some(text) = word.strip_prefix(name).and_then(|it| it.strip_suffix(')')) {
                return Ok(Bytes::from(self.number("", text)?.to_le_bytes()[..size].to_vec()));
            }
        }
        let (digits, times) = match word.split_once('*') {
            Some((digits, times)) => (digits, literal(times).ok_or("a count is a number")? as usize),
            None => (word, 1),
        };
        hex(digits)
            .map(|bytes| Bytes::from(bytes.repeat(times)))
            .ok_or_else(|| format!("`{word}` is no bytes"))
    }
}

/// `4` or `4*3`.
fn product(text: &str) -> Option<u64> {
    text.split('*').try_fold(1, |product: u64, factor| Some(product.wrapping_mul(literal(factor)?)))
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits.chars().map(|it| it.to_digit(16).map(|it| it as u8)).collect();
    let digits = digits.filter(|it| it.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// `$m` or `$m.id`.
fn symbol(text: &str) -> Result<Symbol, String> {
    let name = text.strip_prefix('$').ok_or_else(|| format!("`{text}` is no $name"))?;
    let (name, id) = name.strip_suffix(".id").map_or((name, false), |name| (name, true));
    Ok(Symbol { name: name.to_string(), id })
}

/// The bytes of a program whose instructions are separated by semicolons. A symbol can be any immediate.
fn instructions(text: &str) -> Result<Bytes, String> {
    let mut symbols = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let end = rest[at + 1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
        let end = end.map_or(rest.len(), |end| at + 1 + end);
        plain.push_str(&rest[..at]);
        plain.push_str(&(MARK + symbols.len() as i32).to_string());
        symbols.push(symbol(&rest[at..end])?);
        rest = &rest[end..];
    }
    plain.push_str(rest);
    let insns = assemble(&plain.replace(';', "\n")).map_err(|error| error.to_string())?;
    let mut bytes = Bytes::from(insns.iter().copied().flat_map(Insn::to_bytes).collect::<Vec<u8>>());
    for (slot, insn) in insns.iter().enumerate() {
        if let Some(symbol) = usize::try_from(insn.imm - MARK).ok().and_then(|it| symbols.get(it)) {
            bytes.put(slot * 8 + 4, Bytes { bytes: vec![0; 4], symbols: vec![(0, symbol.clone())] });
        }
    }
    Ok(bytes)
}

/// Words, where brackets, braces and quotes keep what is inside together.
fn tokens(line: &str) -> Result<Vec<String>, String> {
    let mut words = vec![String::new()];
    let mut depth = 0i32;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' | '(' if !quoted => depth += 1,
            ']' | '}' | ')' if !quoted => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 && !quoted {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|it| !it.is_empty());
    if depth == 0 && !quoted { Ok(words) } else { Err("a bracket or quote that does not end".into()) }
}

#[cfg(test)]
mod tests {
    use super::super::script::Act;
    use super::parse;

    fn call(line: &str) -> String {
        let cases = parse(&format!("case c\nbuf b aa*6\n{line}")).unwrap();
        let step = cases[0].steps.last().unwrap();
        let Act::Call(call) = &step.act else { panic!("{line}") };
        let buffers: String =
            step.buffers.iter().map(|(at, it)| format!(" {at:x}:{}", it.text(|_| false))).collect();
        format!(
            "{} {} {}{buffers}",
            call.command,
            call.attr.bytes.len(),
            call.attr.clone().trimmed().text(|_| false)
        )
    }

    #[test]
    fn calls() {
        assert_eq!(
            call("MAP_CREATE map_type=array key_size=4 map_name=\"abc\""),
            "0 168 0200000004[00*23]616263"
        );
        assert_eq!(call("MAP_CREATE map_flags=BPF_F_RDONLY|0x1 size=20"), "0 20 [00*16]09");
        assert_eq!(
            call("MAP_LOOKUP_ELEM map_fd=$m key=[u16(7) ff] value=&b+2"),
            "1 168 <m>[00*4]fd2f000001000000fc0f000001 100002ffd:0700ff"
        );
        assert_eq!(call("OBJ_PIN pathname=\"/x\" bpf_fd=3"), "6 168 fd2f00000100000003 100002ffd:2f7800");
        assert_eq!(
            call("PROG_LOAD prog_type=6 prog={r1 = map[fd:$m] ll; exit}"),
            "5 168 0600000003000000e82f000001 100002fe8:18110000<m>[00*8]95[00*7]"
        );
        assert_eq!(call("CMD99 at3=[01 $m.id]"), "99 168 00000001<m.id>");
    }

    #[test]
    fn loops_are_written_out() {
        let cases =
            parse("case c\nfor i in 1..3\nfor j in 0..2\nput {i} u8({j})\nend\nend\nclose $a").unwrap();
        let lines: Vec<&str> = cases[0].steps.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(lines, ["put 1 u8(0)", "put 1 u8(1)", "put 2 u8(0)", "put 2 u8(1)", "close $a"]);
    }

    #[test]
    fn mistakes_name_the_line() {
        for line in ["MAP_CREATE x=1", "MAP_CREATES", "put", "MAP_CREATE key_size=[", "close m", "buf b xx"] {
            assert!(parse(&format!("case c\n{line}")).unwrap_err().to_string().contains(line), "{line}");
        }
        assert!(parse("MAP_CREATE").is_err());
    }
}
