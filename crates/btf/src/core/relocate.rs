//! One relocation from record to number (libbpf's `bpf_core_calc_relo_insn`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::ReloKind;
use super::error::{Error, Failure};
use super::outcome::{Access, Match, Outcome};
use super::search::{self, Found};
use super::spec::{Spec, type_name, type_text};
use super::target::{Candidate, Target};
use super::value::{self, Number};
use super::work::Work;
use crate::{Btf, CoreRelo, TypeId};

/// Resolves the relocations of one object.
///
/// Like libbpf it remembers for each type of the object which types of the target have matched: what a later
/// relocation of the same type may be resolved to depends on the earlier ones. Give it an object's records in the
/// order of the file.
#[derive(Clone, Debug)]
pub struct Relocator<'b> {
    local: &'b Btf,
    target: Target<'b>,
    candidates: HashMap<TypeId, Vec<Candidate>>,
    work: Work,
}

impl<'b> Relocator<'b> {
    /// For an object with the types `local`, to be loaded on `target`.
    pub fn new(local: &'b Btf, target: Target<'b>) -> Relocator<'b> {
        Relocator { local, target, candidates: HashMap::new(), work: Work::new() }
    }

    /// Resolves one record.
    ///
    /// # Errors
    /// The record is wrong, or the target's types contradict each other: the program cannot be loaded. That the
    /// target lacks something is no error, but an [`Outcome`] without a number.
    pub fn relocate(&mut self, relo: &CoreRelo) -> Result<Outcome, Error> {
        let insn = relo.insn_off as usize / 8;
        let kind = ReloKind::from_number(relo.kind).ok_or(Error::UnknownKind { kind: relo.kind, insn })?;
        let spec = parse(self.local, relo, kind)?;
        if kind == ReloKind::TypeIdLocal {
            let number = value::number(&spec, insn)?;
            return Ok(Outcome::local(&spec, number));
        }
        if self.local.name(relo.type_id).is_empty() {
            return Err(Error::Anonymous { what: type_text(self.local, relo.type_id) });
        }
        let chosen = self.choose(&spec, insn)?;
        let original = value::number(&spec, insn)?;
        Ok(match chosen {
            Some(chosen) => self.found(&spec, original, &chosen),
            None => Outcome::missing(&spec, original),
        })
    }

    fn found(&self, spec: &Spec<'b>, original: Number, chosen: &Chosen<'b>) -> Outcome {
        let (before, after) = (original.field, chosen.number.field);
        let access = Access {
            old_size: before.map_or(0, |(_, size)| size),
            new_size: after.map_or(0, |(_, size)| size),
            can_resize: value::can_resize(self.local, before, chosen.spec.btf, after),
        };
        let found = Match {
            module: self.target.module_name(chosen.candidate).map(str::to_owned),
            type_id: chosen.candidate.id,
            spec: chosen.spec.to_string(),
        };
        Outcome::new(spec, original, Some(chosen.number.value), access, Some(found))
    }

    /// Compares all candidates; those that match have to agree.
    fn choose(&mut self, spec: &Spec<'b>, insn: usize) -> Result<Option<Chosen<'b>>, Error> {
        let Relocator { local, target, candidates, work } = self;
        let candidates = match candidates.entry(spec.root) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(target.candidates(local, spec.root, work).map_err(too_much)?),
        };
        let (mut best, mut matching) = (None::<Chosen<'b>>, Vec::new());
        for (at, candidate) in candidates.iter().enumerate() {
            work.step("").map_err(too_much)?;
            let found = match search::find(spec, target.btf(*candidate), candidate.id, work) {
                Found::Matching(found) => found,
                Found::NotMatching => continue,
                Found::Failed(found, failure) => {
                    return Err(Error::matching(at, || found.to_string(), failure));
                }
            };
            let number = value::number(&found, insn)?;
            match &best {
                None => best = Some(Chosen { candidate: *candidate, spec: found, number }),
                Some(best) => best.agrees(&found, number)?,
            }
            matching.push(*candidate);
        }
        // What is in none of them says nothing about which is meant.
        if best.is_some() {
            *candidates = matching;
        }
        Ok(best)
    }
}

/// The first candidate that matches.
struct Chosen<'b> {
    candidate: Candidate,
    spec: Spec<'b>,
    number: Number,
}

impl Chosen<'_> {
    /// All that match must be at the same place and give the same number.
    fn agrees(&self, spec: &Spec<'_>, number: Number) -> Result<(), Error> {
        if spec.bit_offset != self.spec.bit_offset {
            return Err(Error::OffsetAmbiguity { one: spec.bit_offset, other: self.spec.bit_offset });
        }
        if number.value != self.number.value {
            return Err(Error::ValueAmbiguity { one: number.value, other: self.number.value });
        }
        Ok(())
    }
}

/// What a record asks for, by the object's own types alone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Asked {
    /// What of it is wanted.
    pub kind: ReloKind,
    /// The type's kind and name: `struct task_struct`.
    pub type_name: String,
    /// The field or enumerator: `.comm[0]`, `::BPF_FUNC_ringbuf_output`; empty if it is the type as a whole.
    pub path: String,
}

/// Reads a record without looking for anything.
///
/// # Errors
/// The record is wrong, as [`Relocator::relocate`] would say.
pub fn asked(local: &Btf, relo: &CoreRelo) -> Result<Asked, Error> {
    let insn = relo.insn_off as usize / 8;
    let kind = ReloKind::from_number(relo.kind).ok_or(Error::UnknownKind { kind: relo.kind, insn })?;
    let spec = parse(local, relo, kind)?;
    Ok(Asked { kind, type_name: type_name(local, relo.type_id), path: spec.path() })
}

fn parse<'b>(local: &'b Btf, relo: &CoreRelo, kind: ReloKind) -> Result<Spec<'b>, Error> {
    Spec::parse(local, relo, kind).map_err(|failure| {
        let access: String = local.str(relo.access).chars().take(200).collect();
        Error::parsing(format!("{} + {access}", type_text(local, relo.type_id)), failure)
    })
}

/// Only work can fail there.
fn too_much(_: Failure) -> Error {
    Error::TooMuchWork
}

/// Resolves one record by itself. For all of an object's, use one [`Relocator`].
///
/// # Errors
/// As [`Relocator::relocate`].
pub fn relocate(local: &Btf, relo: &CoreRelo, target: &Target<'_>) -> Result<Outcome, Error> {
    Relocator::new(local, target.clone()).relocate(relo)
}
