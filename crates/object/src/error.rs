//! What can be wrong with an object, where it is, and what to do about it.

use std::fmt;

/// Why a file is not taken as a BPF object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The section that is wrong; empty when it is the file as a whole.
    pub section: String,
    /// Where in the section (or in the file, if there is no section), in bytes.
    pub offset: u64,
    /// What is wrong.
    pub kind: ErrorKind,
}

impl Error {
    /// Something wrong with the file, not with one section.
    pub(crate) fn file(offset: u64, kind: ErrorKind) -> Error {
        Error { section: String::new(), offset, kind }
    }

    /// What is wrong, in a sentence without a full stop.
    pub fn reason(&self) -> String {
        self.kind.to_string()
    }

    /// What to do about it, in a sentence without a full stop.
    pub fn advice(&self) -> &'static str {
        self.kind.advice()
    }
}

impl fmt::Display for Error {
    /// Writes `section '.maps' + 0x20: what is wrong; what to do`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { section, offset, kind } = self;
        match section.is_empty() {
            true => write!(f, "file + {offset:#x}: {kind}; {}", kind.advice()),
            false => write!(f, "section '{section}' + {offset:#x}: {kind}; {}", kind.advice()),
        }
    }
}

impl std::error::Error for Error {}

/// Gives an [`ErrorKind`] its place.
pub(crate) trait At<T> {
    /// The error is at this byte of this section.
    fn at(self, section: &str, offset: u64) -> Result<T, Error>;
}

impl<T> At<T> for Result<T, ErrorKind> {
    fn at(self, section: &str, offset: u64) -> Result<T, Error> {
        self.map_err(|kind| Error { section: section.to_string(), offset, kind })
    }
}

macro_rules! error_kinds {
    ($(
        $(#[$doc:meta])*
        $name:ident $({ $( $(#[$field_doc:meta])* $field:ident: $type:ty ),* $(,)? })? => $reason:literal, $advice:literal;
    )*) => {
        /// What is wrong with an object. `Display` is the reason; [`ErrorKind::advice`] says what to do.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $( $(#[$doc])* $name $({ $( $(#[$field_doc])* $field: $type ),* })?, )*
        }

        impl ErrorKind {
            /// What to do about it.
            pub fn advice(&self) -> &'static str {
                match self {
                    $( ErrorKind::$name { .. } => $advice, )*
                }
            }
        }

        impl fmt::Display for ErrorKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $( ErrorKind::$name $({ $($field),* })? => write!(f, $reason), )*
                }
            }
        }
    };
}

error_kinds! {
    /// There is no ELF magic number.
    NotElf => "this is not an ELF file",
        "give the object file that `clang --target=bpf -c` wrote";
    /// LLVM bitcode.
    Bitcode => "this is LLVM bitcode, not an object file",
        "compile without -emit-llvm (or -flto), or run llc -march=bpf -filetype=obj on it";
    /// ELFCLASS32, or no class at all.
    Class {
        /// The byte at `EI_CLASS`.
        class: u8,
    } => "ELF class {class} is not 64-bit (2)",
        "compile with clang --target=bpf";
    /// ELFDATA2MSB, or no byte order at all.
    Endian {
        /// The byte at `EI_DATA`.
        data: u8,
    } => "ELF byte order {data} is not little-endian (1)",
        "compile with --target=bpfel (or --target=bpf on a little-endian machine)";
    /// Code for another machine.
    Machine {
        /// `e_machine`.
        machine: u16,
    } => "machine {machine} is not BPF (247)",
        "compile with clang --target=bpf";
    /// An executable, a shared library or a core dump.
    FileType {
        /// `e_type`.
        kind: u16,
    } => "ELF type {kind} is not a relocatable object (1)",
        "give the .o file that clang -c wrote, not a linked one";
    /// The file ends too early.
    Truncated {
        /// What does not fit.
        what: &'static str,
    } => "the file ends inside its {what}",
        "the file is cut short or corrupt: build or copy it again";
    /// A table's entries do not have their size.
    EntrySize {
        /// What the table holds.
        what: &'static str,
        /// The size that the file gives.
        size: u64,
    } => "a {what} entry of {size} bytes",
        "the file is corrupt, or made by a tool that does not follow ELF64";
    /// An index into the section table points past it.
    NoSection {
        /// What the index is in.
        what: &'static str,
        /// The index.
        index: u64,
    } => "the {what} refers to section {index}, which does not exist",
        "the file is corrupt: build it again";
    /// Part of a section lies outside the file.
    OutsideFile {
        /// Where the section starts in the file.
        start: u64,
        /// Its size in bytes.
        size: u64,
        /// Bytes of the file.
        file: u64,
    } => "bytes {start:#x} + {size:#x} lie outside the file of {file:#x} bytes",
        "the file is cut short or corrupt: build or copy it again";
    /// A compressed section.
    Compressed => "the section is compressed",
        "run llvm-objcopy --decompress-debug-sections on the file, or compile with -gz=none";
    /// A name is not there, has no end, is too long or is not UTF-8.
    Name {
        /// What has the name.
        what: &'static str,
    } => "a {what}'s name is outside its string table, longer than 4096 bytes, or not UTF-8",
        "the file is corrupt: build it again";
    /// No symbol table.
    NoSymbols => "there is no symbol table",
        "do not strip the object; llvm-strip -g keeps what is needed";
    /// More than one symbol table.
    TwoSymbolTables => "there is a second symbol table",
        "the file is corrupt: build it again";
    /// What the parser would have to copy is out of proportion to the file.
    OutOfProportion => "the object describes far more than a file of its size can hold",
        "the file is corrupt or made to exhaust memory";
    /// Zero-initialised data beyond the limit.
    TooMuchBss {
        /// Bytes asked for, with what was there before.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    } => "zero-initialised data of {bytes} bytes is beyond the limit of {limit}",
        "use a map for data of this size";
    /// The `version` section is not a `u32`.
    Version {
        /// Its size in bytes.
        size: u64,
    } => "the kernel version has {size} bytes, not 4",
        "declare it as `__u32 _version SEC(\"version\")`, or leave it out";
    /// A function's size is zero or not a multiple of 8.
    FunctionSize {
        /// The function.
        name: String,
        /// Its size in bytes.
        size: u64,
    } => "function '{name}' has {size} bytes, which are no whole instructions",
        "hand-written assembly needs `.type name, @function` and `.size name, .-name`";
    /// A function does not lie in its section.
    FunctionBounds {
        /// The function.
        name: String,
        /// Its size in bytes.
        size: u64,
    } => "function '{name}' of {size} bytes does not lie in its section on an instruction boundary",
        "the file is corrupt: build it again";
    /// Two functions share some bytes, but not all.
    FunctionOverlap {
        /// The later one.
        name: String,
        /// The earlier one.
        other: String,
    } => "function '{name}' overlaps '{other}'",
        "correct the .size of the functions in hand-written assembly";
    /// A relocation's place is outside its section or not at an instruction.
    RelocPlace => "a relocation is not at an instruction of its section",
        "the file is corrupt: build it again";
    /// A relocation's symbol index points past the symbol table.
    RelocSymbol {
        /// The index.
        symbol: u64,
    } => "a relocation refers to symbol {symbol}, which does not exist",
        "the file is corrupt: build it again";
    /// A relocation with explicit addends.
    Rela => "the relocations have explicit addends (SHT_RELA)",
        "BPF objects use SHT_REL: compile with clang or bpf-gcc";
    /// A relocation type that BPF does not have.
    RelocType {
        /// The type.
        kind: u32,
        /// The symbol.
        symbol: String,
    } => "relocation type {kind} against '{symbol}' is not one of BPF's",
        "compile with clang --target=bpf";
    /// A relocation at an instruction that is neither a call nor a 64-bit load.
    RelocInsn {
        /// The instruction's code.
        code: u8,
        /// The symbol.
        symbol: String,
    } => "a relocation against '{symbol}' is at an instruction of code {code:#04x}, neither a call nor a 64-bit load",
        "take the address of a global with a 64-bit load: compile with clang -O2";
    /// A second relocation at the same instruction.
    RelocTwice {
        /// The symbol.
        symbol: String,
    } => "a second relocation, against '{symbol}', is at the same instruction",
        "the file is corrupt: build it again";
    /// A relocation against a symbol that no section defines.
    Undefined {
        /// The symbol.
        symbol: String,
    } => "'{symbol}' is not defined in any section",
        "initialise the global variable, or compile with -fno-common";
    /// A relocation against a section that can not be reached from a program.
    RelocSection {
        /// The symbol.
        symbol: String,
        /// The section it is in.
        target: String,
    } => "'{symbol}' is in section '{target}', which programs can not refer to",
        "put variables in .data, .rodata or .bss (or SEC(\".data.name\")), and maps in SEC(\".maps\")";
    /// A reference into a section of maps that hits no map.
    NoMap {
        /// The symbol.
        symbol: String,
        /// The section it is in.
        target: String,
        /// Where in that section.
        offset: u64,
    } => "'{symbol}' is at {offset:#x} of section '{target}', where no map starts",
        "refer to maps by their address, not to fields inside";
    /// A call or function pointer that does not hit the start of a function.
    NoFunction {
        /// The section that the function should be in.
        target: String,
        /// Where in that section, in bytes.
        offset: i64,
    } => "the call or function pointer goes to byte {offset} of section '{target}', where no function starts",
        "hand-written assembly needs a function symbol where a call goes";
    /// A function's address without a relocation.
    FunctionPointer => "a function's address is loaded without a relocation",
        "the file is corrupt, or linked by a tool that lost its relocations";
    /// The second half of a 64-bit load is missing.
    SplitLoad => "a 64-bit load lacks its second half",
        "the file is corrupt: build it again";
    /// There is `.BTF`, but it can not be read.
    Btf {
        /// What is wrong.
        reason: String,
    } => "{reason}",
        "compile with clang -g, and do not edit or strip BTF";
    /// There is no BTF, and it is needed.
    NoBtf => "maps or externs need BTF, and there is none",
        "compile with clang -g";
    /// BTF does not describe a section.
    NoDatasec => "BTF does not describe the section",
        "compile with clang -g, and do not edit or strip BTF";
    /// A map can not be understood.
    Map {
        /// The map.
        name: String,
        /// What is wrong.
        problem: MapProblem,
    } => "map '{name}': {problem}",
        "define maps as bpf_helpers.h shows, with __uint, __type and __array";
    /// An element of a map, or a member of a struct_ops variable, is initialised with something it can not hold.
    Slot {
        /// The map or variable.
        map: String,
        /// What it is initialised with.
        symbol: String,
    } => "'{symbol}' can not be a value here in '{map}'",
        "maps of maps take maps, program arrays take programs, function pointers of struct_ops take its programs";
    /// A legacy map definition of impossible size.
    LegacyMap {
        /// The map.
        name: String,
        /// Bytes of the definition.
        size: u64,
    } => "legacy map '{name}' of {size} bytes, which are too few or lie outside the section",
        "use struct bpf_map_def of at least 20 bytes, or better a BTF-defined map in SEC(\".maps\")";
    /// A second arena map.
    TwoArenas {
        /// The second one.
        name: String,
    } => "map '{name}' is a second arena",
        "an object can have one arena map";
    /// Arena variables without an arena map.
    NoArena => "there are arena variables, but no arena map",
        "declare an ARENA map in SEC(\".maps\")";
    /// An extern can not be understood.
    Extern {
        /// The extern.
        name: String,
        /// What is wrong.
        reason: &'static str,
    } => "extern '{name}': {reason}",
        "declare it with __kconfig (bool, char, integers, enum libbpf_tristate, char arrays) or __ksym";
    /// A struct_ops variable can not be understood.
    StructOps {
        /// The variable.
        name: String,
        /// What is wrong.
        reason: &'static str,
    } => "struct_ops '{name}': {reason}",
        "define a variable of the kernel's struct type in SEC(\".struct_ops.link\")";
}

/// What is wrong with a map definition.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MapProblem {
    /// The variable has no name, lies outside its section, or is smaller than its type.
    Variable,
    /// The variable is `static` or `extern`.
    Linkage,
    /// The variable is not a structure.
    NotAStruct,
    /// There is no `type`.
    NoType,
    /// A member that is not known.
    UnknownField(String),
    /// A member that is not declared as it has to be.
    Field(String),
    /// `key_size` and `key`, or `value_size` and `value`, do not agree.
    Conflict(&'static str),
    /// `values` is not last, or not allowed for the type.
    Values(&'static str),
    /// A `pinning` other than none (0) and by name (1).
    Pinning(u32),
}

impl fmt::Display for MapProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapProblem::Variable => f.write_str("the variable has no name or does not fit its section"),
            MapProblem::Linkage => f.write_str("the variable is static or extern"),
            MapProblem::NotAStruct => f.write_str("the variable is not a structure"),
            MapProblem::NoType => f.write_str("no map type is given"),
            MapProblem::UnknownField(field) => write!(f, "unknown member '{field}'"),
            MapProblem::Field(field) => write!(f, "member '{field}' is not declared as it has to be"),
            MapProblem::Conflict(what) => write!(f, "two different {what} sizes"),
            MapProblem::Values(reason) => write!(f, "'values' {reason}"),
            MapProblem::Pinning(value) => write!(f, "pinning {value} is neither none (0) nor by name (1)"),
        }
    }
}
