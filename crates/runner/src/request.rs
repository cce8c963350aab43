//! What `skep run` is asked for.

use skep::{Args, Error, Kconfig, Result, TargetBtf};

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The program; the object's only one if there is none.
    pub program: Option<String>,
    /// What it sees.
    pub input: Input,
    /// The context's bytes; beside a packet, its fields.
    pub ctx: Option<Vec<u8>>,
    /// The arguments that the program is fired with, if it has neither packet nor context.
    pub args: Args,
    /// What it is fired at, if not at what its section says: what a section would say behind its slash.
    pub at: Option<String>,
    /// Globals to set before loading: name and bytes, or a number.
    pub globals: Vec<(String, Global)>,
    /// Elements to put into maps: name, key and value.
    pub elements: Vec<(String, Global, Global)>,
    /// `max_entries` of maps.
    pub max_entries: Vec<(String, u32)>,
    /// The cpu that runs it.
    pub cpu: u32,
    /// How many cpus there are.
    pub cpus: u32,
    /// The seed of all that is random.
    pub seed: u64,
    /// Instructions that a run may execute.
    pub budget: Option<u64>,
    /// How often, to tell the time of a run.
    pub repeat: Option<u32>,
    /// Bytes of the host's memory that simulated objects may take.
    pub memory: Option<u64>,
    /// The types of the simulated kernel; the bundled ones if there are none.
    pub btf: Option<TargetBtf>,
    /// Whether the program is verified first, as by Linux 6.18.
    pub verify: bool,
    /// The kernel's configuration; that of the profile if there is none.
    pub kconfig: Option<Kconfig>,
}

impl Default for RunRequest {
    fn default() -> RunRequest {
        RunRequest {
            program: None,
            input: Input::None,
            ctx: None,
            args: Args::new(),
            at: None,
            globals: Vec::new(),
            elements: Vec::new(),
            max_entries: Vec::new(),
            cpu: 0,
            cpus: 4,
            seed: 0,
            budget: None,
            repeat: None,
            memory: None,
            btf: None,
            verify: true,
            kconfig: None,
        }
    }
}

/// What a program sees.
#[derive(Clone, Debug, Default)]
pub enum Input {
    /// Nothing but a context.
    #[default]
    None,
    /// A packet.
    Packet(Vec<u8>),
}

/// A value from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Global {
    /// A number, of whatever size the place has.
    Number(i128),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Global {
    /// The bytes of the value in a place of this size, little-endian.
    pub(crate) fn to_bytes(&self, size: usize, place: &str) -> Result<Vec<u8>> {
        match self {
            Global::Bytes(bytes) => Ok(bytes.clone()),
            Global::Number(number) => {
                let bytes = number.to_le_bytes();
                let (low, high) = bytes.split_at(size.min(bytes.len()));
                let sign = if *number < 0 { 0xff } else { 0 };
                if high.iter().any(|byte| *byte != sign) {
                    return Err(Error::from_input(format!(
                        "{place}: {number} does not fit into {size} bytes"
                    )));
                }
                let mut out = low.to_vec();
                out.resize(size, sign);
                Ok(out)
            }
        }
    }
}
