//! What usually helps, by message.

/// Messages, with `*` for what varies, and what usually helps. The first that fits wins.
static HINTS: &[(&str, &str)] = &[
    (
        "invalid bpf_context access*",
        "the field is not there for this program type and attach type, or is read with another size or offset than it \
         has; volatile reads and field-by-field copies keep clang from merging accesses",
    ),
    (
        "dereference of modified ctx ptr*",
        "add the offset in the access itself (ctx->field): clang made a pointer into the context, often by merging two \
         branches; a barrier_var(ctx) or __builtin_preserve_access_index between them helps",
    ),
    (
        "*invalid mem access 'map_value_or_null'",
        "test the result of bpf_map_lookup_elem against NULL before using it",
    ),
    ("*invalid mem access '*_or_null'", "test the pointer against NULL before using it"),
    (
        "*invalid mem access 'scalar'",
        "the verifier knows no pointer here: read through kernel addresses with bpf_probe_read_kernel or BPF_CORE_READ, \
         and keep pointers out of arithmetic that it cannot follow",
    ),
    (
        "R* offset is outside of the packet",
        "compare the end of the access with data_end first: if (ptr + size > data_end) return; and compare again after \
         helpers that change the packet",
    ),
    (
        "invalid access to packet*",
        "compare the end of the access with data_end first: if (ptr + size > data_end) return",
    ),
    (
        "*would lead to reference leak*",
        "release what was acquired (bpf_sk_release, bpf_ringbuf_submit or _discard, bpf_kptr_xchg and drop) on every \
         path to an exit",
    ),
    ("Unreleased reference*", "release what was acquired on every path to an exit"),
    (
        "R* min value is outside of the allowed memory range",
        "bound the index below as well: make it unsigned, or test that it is not negative",
    ),
    (
        "R* max value is outside of the allowed memory range",
        "bound the index above with a test against the size just before the access; `&` with a constant helps where \
         clang moves the test away",
    ),
    (
        "R* unbounded memory access*",
        "bound the index with a test just before the access; `&` with a constant helps where clang moves the test away",
    ),
    (
        "At program exit the register R0 has*should have been in*",
        "return one of the values that the program type allows",
    ),
    (
        "R* min value is negative, either use unsigned or 'var &= const'",
        "make the variable unsigned, or mask it: a helper takes no negative size",
    ),
    (
        "math between * pointer and register with unbounded min value is not allowed",
        "bound the number with tests on both sides before adding it to the pointer, or make it unsigned",
    ),
    (
        "R* invalid zero-sized read*",
        "the size may be 0 and the helper does not take that: test it against 0 first",
    ),
    (
        "R* !read_ok",
        "the register holds nothing on this path: a variable is not set, or R1 to R5 are used after a call",
    ),
    (
        "R0 !read_ok",
        "the program ends, or uses R0, before anything was put there: return a value on every path",
    ),
    (
        "invalid read from stack*",
        "the bytes were never written on this path: set the whole variable (= {}), padding included, before a helper \
         reads it",
    ),
    (
        "invalid write to stack*",
        "the write lies outside of the 512 bytes of stack: use a per-CPU array for large variables",
    ),
    ("Possibly NULL pointer passed to trusted arg*", "test the pointer against NULL before passing it on"),
    (
        "R* must be referenced or trusted",
        "the function takes a pointer that the kernel vouches for: one from the program's arguments, an acquire \
         function or a kptr, not one read from another structure",
    ),
    (
        "program of this type cannot use helper*",
        "look which program types have the helper (skep inspect lists helpers): another hook, or another helper",
    ),
    (
        "cannot call GPL-restricted function from non-GPL compatible program",
        "declare a GPL-compatible license: char LICENSE[] SEC(\"license\") = \"GPL\"",
    ),
    ("jump out of range*", "a jump leaves the function: look at hand-written assembly"),
    ("back-edge from insn*", "loops need Linux 5.3 and CAP_BPF: unroll the loop, or use bpf_loop"),
    (
        "BPF program is too large*",
        "the verifier gave up after 1,000,000 instructions: move loop bodies into bpf_loop callbacks or global \
         functions, bound loops tighter, or give it fewer paths",
    ),
    (
        "infinite loop detected*",
        "nothing that the verifier follows changes in this loop: bound it with a counter that it can see",
    ),
    (
        "The sequence of * jumps is too complex*",
        "too many branches wait at once: split the function, or move loop bodies into bpf_loop callbacks",
    ),
    (
        "combined stack size of * calls is *Too large",
        "functions in a chain of calls share 512 bytes of stack: move large variables into a per-CPU array",
    ),
    (
        "last insn is not an exit or jmp",
        "the program runs past its end: clang saw undefined behaviour, or a return is missing",
    ),
    (
        "unreachable insn*",
        "nothing jumps there: look at hand-written assembly, and at undefined behaviour in C",
    ),
    ("function calls are not allowed while holding a lock", "take what the call gives before bpf_spin_lock"),
    (
        "bpf_spin_lock at off=* must be held for*",
        "take the lock that lies in the same value as the list or tree",
    ),
    (
        "same insn cannot be used with different pointers",
        "clang merged accesses through pointers of two kinds into one: keep the two branches apart (barrier_var)",
    ),
    (
        "R* type=* expected=*",
        "the argument is of another kind than the helper takes: see its documentation for what it wants there",
    ),
    ("misaligned *access*", "align the access to its size, or copy byte by byte"),
    (
        "R* tried to subtract pointer from scalar",
        "numbers minus pointers are no pointers: subtract the other way round",
    ),
    (
        "Caller passes invalid args into func#*",
        "global functions are verified by their prototype alone: pass what it says, and test pointers against NULL \
         inside",
    ),
    ("div by zero", "the divisor is the constant 0"),
    (
        "cannot overwrite referenced dynptr",
        "submit or discard the dynptr's reservation before its stack is used again",
    ),
    ("calling kernel function * is not allowed", "programs of this type may not call this kernel function"),
    ("invalid access to map value*", "the access lies outside of the value: check index and value_size"),
    ("write into map forbidden*", "the map is read-only for programs (.rodata, or BPF_F_RDONLY_PROG)"),
    ("R* leaks addr*", "without CAP_PERFMON a pointer may not become visible to user space"),
    ("unknown func*", "this kernel has no helper of this number"),
];

/// What usually helps against a message; `None` for the rarer ones.
pub fn hint(message: &str) -> Option<&'static str> {
    HINTS.iter().find(|it| fits(it.0, message)).map(|it| it.1)
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        if part.is_empty() {
            continue;
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
        open = false;
    }
    open || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        assert!(fits("R* !read_ok", "R3 !read_ok"));
        assert!(!fits("R* !read_ok", "R3 !read_ok, so"));
        assert!(fits("unknown func*", "unknown func bpf_x#300"));
        assert!(fits("a*b*c", "a1b2c"));
        assert!(!fits("a*b*c", "a1c2b"));
        assert!(fits("div by zero", "div by zero"));
    }

    #[test]
    fn every_hint_is_reached() {
        for (at, (pattern, text)) in HINTS.iter().enumerate() {
            let message = pattern.replace('*', "1");
            let found = hint(&message);
            let earlier = HINTS[..at].iter().any(|it| fits(it.0, &message));
            assert!(found == Some(text) || earlier, "{pattern}");
            assert!(!text.is_empty() && !text.ends_with('.'));
        }
    }

    #[test]
    fn frequent_messages_have_hints() {
        for message in [
            "invalid bpf_context access off=76 size=4",
            "R1 offset is outside of the packet",
            "BPF_EXIT instruction in main prog would lead to reference leak",
            "R6 invalid mem access 'scalar'",
            "At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]",
            "math between map_value pointer and register with unbounded min value is not allowed",
            "invalid write to stack R1 off=-520 size=8",
            "program of this type cannot use helper bpf_get_retval#186",
        ] {
            assert!(hint(message).is_some(), "{message}");
        }
    }
}
