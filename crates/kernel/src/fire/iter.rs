//! Iterators: a program is run once for each object, and once more when there are none left; what it writes is the
//! content of a file.
//!
//! The context is `struct bpf_iter__<name>` of the kernel's types: `meta`, and pointers to what is iterated over. Objects
//! are given by those names, several as lists: `args!{ task: [a, b] }`. Where nothing is given, it is what the machine has:
//! its maps (`bpf_map`), its programs (`bpf_prog`), its tasks (`task`), the elements of `map` (`bpf_map_elem`).

use super::place::Side;
use super::seq::Seq;
use super::setup::Setup;
use super::{Firing, Refusal};
use crate::context::Context;
use crate::effects::Effects;
use crate::kernel::Kernel;
use crate::object::Noun;
use crate::report::RunError;
use crate::run::{Ran, Run};
use crate::world::{Args, FieldValue};
use skep_btf::{Btf, Kind, TypeId};
use skep_maps::{Cx, ObjRef};

/// The most objects of one iteration (`MAX_ITER_OBJECTS`).
const MAX_OBJECTS: usize = 1_000_000;

/// One object: what the context's pointers are, by their names.
type Row = Vec<(String, FieldValue)>;

impl Firing<'_, '_> {
    /// Runs an iterator over its objects.
    pub(super) fn iterate(mut self, name: &str, mut run: Run<'_>) -> Result<Ran, RunError> {
        let prepared = self.prepare(name).map_err(RunError::BadInput)?;
        let (btf, id, rows, meta, seq) = prepared;
        let mut output = Vec::new();
        let mut sum = (0, 0, Vec::new());
        let mut effects = Effects::default();
        // The last run has no object.
        let rounds = rows.iter().map(Some).chain([None]);
        for (number, row) in (0..).zip(rounds) {
            let setup = self.round(&btf, id, row, meta, number, seq, output).map_err(RunError::BadInput)?;
            let again = Run {
                cpu: run.cpu,
                budget: run.budget,
                cookie: run.cookie,
                hook: run.hook.as_deref_mut().map(|it| it as _),
                ..Run::default()
            };
            let mut ran = self.kernel.run_as(self.id, again, setup)?;
            output = ran.output.take().unwrap_or_default();
            effects.then(std::mem::take(&mut ran.effects));
            sum = (sum.0 + ran.insns, sum.1 + ran.charges, {
                sum.2.append(&mut ran.notes);
                sum.2
            });
            // A program that asks for its object again would be asked for ever; reading the file ends with EAGAIN.
            if row.is_none() || ran.r0 as u32 != 0 {
                return Ok(Ran {
                    insns: sum.0,
                    charges: sum.1,
                    notes: sum.2,
                    effects,
                    output: Some(output),
                    ..ran
                });
            }
        }
        Err(RunError::BadInput("an iteration of no rounds".to_owned()))
    }

    /// The context's type, the objects, and the memory of `meta` and of the file.
    #[allow(clippy::type_complexity, reason = "five things that are made together")]
    fn prepare(&mut self, name: &str) -> Result<(std::sync::Arc<Btf>, TypeId, Vec<Row>, u64, u64), Refusal> {
        let btf = self.btf.clone().ok_or("an iterator needs the kernel's types, and the machine has none")?;
        let what = format!("bpf_iter__{name}");
        let id =
            btf.find(Kind::Struct, &what).ok_or_else(|| format!("the types do not have struct {what}"))?;
        let rows = self.rows(name, &btf, id)?;
        let seq_len = btf.find(Kind::Struct, "seq_file").and_then(|it| btf.size_of(it).ok()).unwrap_or(128);
        let seq = self.put(&vec![0; seq_len as usize], Side::Kernel, "seq_file")?;
        let meta = self.put(&[0; 24], Side::Kernel, "bpf_iter_meta")?;
        let session = self.kernel.core.iterations;
        self.kernel.core.iterations += 1;
        let words = [seq, session, 0];
        self.write_words(meta, &words)?;
        Ok((btf, id, rows, meta, seq))
    }

    fn write_words(&self, addr: u64, words: &[u64]) -> Result<(), Refusal> {
        let bytes: Vec<u8> = words.iter().flat_map(|it| it.to_le_bytes()).collect();
        self.kernel.memory.poke(addr, &bytes).map_err(|error| error.to_string())
    }

    #[allow(clippy::too_many_arguments, reason = "what a round is made of")]
    fn round(
        &mut self,
        btf: &Btf,
        id: TypeId,
        row: Option<&Row>,
        meta: u64,
        number: u64,
        seq: u64,
        bytes: Vec<u8>,
    ) -> Result<Setup, Refusal> {
        self.write_words(meta + 16, &[number])?;
        let size = btf.size_of(id).map_err(|error| error.to_string())? as usize;
        let mut ctx = vec![0; size];
        let mut set = |path: &str, word: u64| {
            let place = btf.field(id, path).map_err(|error| error.to_string())?;
            place.write(&mut ctx, word.into()).ok_or_else(|| format!("{path} lies outside"))
        };
        set("meta", meta)?;
        for (name, value) in row.into_iter().flatten() {
            let place = btf.field(id, name).map_err(|error| error.to_string())?;
            let words = self.words(btf, place.type_id, value).map_err(|why| format!("{name}: {why}"))?;
            set(name, words.first().copied().unwrap_or(0))?;
        }
        // Scalars of the context are the same in the last round, which the kernel does not promise.
        Ok(Setup { seq: Some(Seq::behind(seq, bytes)), read_only: true, ..Setup::from(Context::Bytes(ctx)) })
    }

    /// The objects: those that were given, or those of the machine.
    fn rows(&mut self, name: &str, btf: &Btf, id: TypeId) -> Result<Vec<Row>, Refusal> {
        if name == "bpf_map_elem" {
            return self.elements_of_map();
        }
        let names = members(btf, id);
        let columns: Row = self.args.take_all(|given| names.iter().any(|it| it == given));
        self.args.finish(&self.target.to_string(), &names)?;
        if columns.is_empty() {
            return Ok(match name {
                "bpf_map" => self.of_machine(name, true),
                "bpf_prog" => self.of_machine(name, false),
                "task" => self.tasks(),
                _ => Vec::new(),
            });
        }
        let len = |value: &FieldValue| match value {
            FieldValue::List(list) => list.len(),
            _ => 1,
        };
        let count = columns.iter().map(|it| len(&it.1)).max().unwrap_or(0);
        if count > MAX_OBJECTS {
            return Err(format!("{count} objects: at most {MAX_OBJECTS}"));
        }
        let row = |at: usize| {
            let cell = |(name, value): &(String, FieldValue)| match value {
                FieldValue::List(list) => list.get(at).map(|it| (name.clone(), it.clone())),
                value => Some((name.clone(), value.clone())),
            };
            columns.iter().filter_map(cell).collect()
        };
        Ok((0..count).map(row).collect())
    }

    /// The machine's own maps or programs, as kernel objects.
    fn of_machine(&mut self, kind: &str, maps: bool) -> Vec<Row> {
        let field = if maps { "map" } else { "prog" };
        let noun = if maps { Noun::Map } else { Noun::Prog };
        let objects: Vec<ObjRef> = self.kernel.core.objects.of(noun).collect();
        let chosen = objects.into_iter().filter_map(|id| match maps {
            true => self.map_fields(id),
            false => self.prog_fields(id),
        });
        let chosen: Vec<Args> = chosen.collect();
        chosen
            .into_iter()
            .filter_map(|fields| {
                let addr = self.existing(kind, &fields)?;
                Some(vec![(field.to_owned(), FieldValue::Addr(addr))])
            })
            .collect()
    }

    /// The machine's tasks by their ids, the current one among them. One without a `task_struct` is passed over.
    fn tasks(&mut self) -> Vec<Row> {
        let Kernel { core, memory, .. } = &mut *self.kernel;
        // Without types for it there are none.
        let _ = core.current_task(memory, 0);
        let rows = core.world.tasks.values().map(|addr| vec![("task".to_owned(), FieldValue::Addr(*addr))]);
        rows.collect()
    }

    fn map_fields(&self, id: ObjRef) -> Option<Args> {
        let spec = self.kernel.core.objects.map(id)?.map.spec();
        let name: String = spec.name.chars().take(15).collect();
        let fields = Args::new()
            .with("name", name)
            .with("id", self.kernel.core.objects.number(id))
            .with("map_type", spec.kind.to_u32())
            .with("key_size", spec.key_size)
            .with("value_size", spec.value_size)
            .with("max_entries", spec.max_entries)
            .with("map_flags", spec.flags);
        Some(fields)
    }

    fn prog_fields(&self, id: ObjRef) -> Option<Args> {
        let info = &self.kernel.core.objects.prog(id)?.info;
        let name: String = info.name.chars().take(15).collect();
        let fields = Args::new()
            .with("type", info.prog_type.to_u32())
            .with("aux.name", name)
            .with("aux.id", self.kernel.core.objects.number(id))
            .with("aux.attach_func_name", info.attach_name.as_deref().unwrap_or(""));
        Some(fields)
    }

    /// A kernel object with those fields that the kernel's types have.
    fn existing(&mut self, of: &str, fields: &Args) -> Option<u64> {
        let mut scene = self.kernel.scene().ok()?;
        let id = scene.type_of(of).ok()?;
        let addr = scene.alloc(id, false).ok()?;
        for (path, value) in fields.iter() {
            // Kernels differ in these.
            let _ = scene.set(addr, id, path, value);
        }
        Some(addr)
    }

    /// The elements of a map: `map` is its name.
    fn elements_of_map(&mut self) -> Result<Vec<Row>, Refusal> {
        let wanted = match self.args.take("map") {
            Some(FieldValue::Str(name)) => name,
            None => {
                self.args.finish(&self.target.to_string(), &["map"])?;
                return Ok(Vec::new());
            }
            _ => return Err("map: the name of the map whose elements are iterated over".to_owned()),
        };
        self.args.finish(&self.target.to_string(), &["map"])?;
        let core = &self.kernel.core;
        let named = |id: &ObjRef| core.objects.map(*id).is_some_and(|it| it.map.spec().name == wanted);
        let map = core.objects.all().find(named).ok_or_else(|| format!("there is no map {wanted:?}"))?;
        let elements = self.keys_and_values(map)?;
        let fields = self.map_fields(map).unwrap_or_default();
        let object = self.existing("bpf_map", &fields).unwrap_or(0);
        let mut rows = Vec::new();
        for (key, value) in elements {
            let key = self.put(&key, Side::Kernel, "key")?;
            rows.push(vec![
                ("map".to_owned(), FieldValue::Addr(object)),
                ("key".to_owned(), FieldValue::Addr(key)),
                ("value".to_owned(), FieldValue::Addr(value)),
            ]);
        }
        Ok(rows)
    }

    /// Keys, and where the values are.
    fn keys_and_values(&self, id: ObjRef) -> Result<Vec<(Vec<u8>, u64)>, Refusal> {
        let core = &self.kernel.core;
        let cx = Cx { memory: &self.kernel.memory, cpu: 0, cpus: core.cpus, seed: core.seed };
        let Some(object) = core.objects.map(id) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut key: Option<Vec<u8>> = None;
        while let Ok(next) = object.map.next_key(key.as_deref()) {
            if found.len() == MAX_OBJECTS {
                return Err(format!("more than {MAX_OBJECTS} elements"));
            }
            if let Ok(Some(value)) = object.map.lookup_ptr(&cx, &next) {
                found.push((next.clone(), value));
            }
            key = Some(next);
        }
        Ok(found)
    }
}

/// The pointers of a context, but for `meta`.
fn members(btf: &Btf, id: TypeId) -> Vec<String> {
    let mut names = Vec::new();
    for member in btf.members(id) {
        match member.name {
            "meta" => {}
            "" => {
                // A pointer in a union that makes it eight bytes long (`__bpf_md_ptr`).
                let inner = btf.members(member.type_id).find(|it| !it.name.is_empty());
                names.extend(inner.map(|it| it.name.to_owned()).filter(|it| it != "meta"));
            }
            name => names.push(name.to_owned()),
        }
    }
    names
}
