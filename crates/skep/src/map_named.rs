//! Elements by what the object's types call their parts: keys and values are written down as arguments are.

use skep_btf::{TypeId, Value};
use skep_kernel::FieldValue;
use skep_loader::MapSource;

use crate::error::{Error, Result};
use crate::map::Map;
use crate::render::hex;

impl Map<'_> {
    /// The value of a key by its type, or `None`; of a per-CPU map an array of each cpu's. Keys are numbers, texts,
    /// bytes, or structs: [`args!`](crate::args!)`{ ino: 7, dev: 8 }`. What a struct does not name is zero.
    ///
    /// # Errors
    /// The key does not fit its type; the object has no type for the value.
    pub fn get(&self, key: impl Into<FieldValue>) -> Result<Option<Value>> {
        let bytes = self.lookup_bytes(&self.encode("key", key.into())?)?;
        bytes.map(|bytes| self.typed(&bytes)).transpose()
    }

    /// The value of a key that is there; otherwise as [`Map::get`].
    ///
    /// # Errors
    /// As for [`Map::get`]; or there is none.
    pub fn value(&self, key: impl Into<FieldValue>) -> Result<Value> {
        self.typed(&self.bytes_of(key)?)
    }

    /// The bytes of the value of a key that is there, as [`Map::lookup_bytes`] has them.
    ///
    /// # Errors
    /// The key does not fit its type; or there is none.
    pub fn bytes_of(&self, key: impl Into<FieldValue>) -> Result<Vec<u8>> {
        let key = self.encode("key", key.into())?;
        self.lookup_bytes(&key)?.ok_or_else(|| {
            let shown =
                self.decode_key(&key).map_or_else(|| format!("hex:{}", hex(&key)), |it| it.to_string());
            Error::bad_input(format!("{}: there is none for the key {shown}", self.place("value")))
        })
    }

    /// What `bpf(2)` copied out, by its type.
    fn typed(&self, bytes: &[u8]) -> Result<Value> {
        let missing = || Error::bad_input(format!("{}: the object has no type for it", self.place("value")));
        let decode = |bytes: &[u8]| self.decode_value(bytes).ok_or_else(missing);
        if !self.is_percpu() {
            return decode(bytes);
        }
        self.split(bytes).into_iter().map(decode).collect::<Result<_>>().map(Value::Array)
    }

    /// Creates or replaces an element; key and value as in [`Map::get`]. In a per-CPU map, every cpu's.
    ///
    /// # Errors
    /// Key or value do not fit their types; the map is full or constant.
    pub fn set(&mut self, key: impl Into<FieldValue>, value: impl Into<FieldValue>) -> Result<()> {
        let (key, value) = (self.encode("key", key.into())?, self.encode("value", value.into())?);
        self.update_all(&key, &value)
    }

    /// Whether there is an element; a key as in [`Map::get`].
    ///
    /// # Errors
    /// The key does not fit its type.
    pub fn has(&self, key: impl Into<FieldValue>) -> Result<bool> {
        Ok(self.lookup_bytes(&self.encode("key", key.into())?)?.is_some())
    }

    /// All elements, keys and values as in [`Map::get`], in the order of [`Map::entries`]: as many as the caller has names
    /// for. `let [(key, value)] = sk.map("waits")?.all()?;`
    ///
    /// # Errors
    /// There are more or fewer, which the error shows; the object has no type for them.
    pub fn all<const N: usize>(&self) -> Result<[(Value, Value); N]> {
        let mut all = Vec::new();
        for entry in self.entries() {
            let key = self.decode_key(&entry.key);
            let key = key.ok_or_else(|| {
                Error::bad_input(format!("{}: the object has no type for it", self.place("key")))
            })?;
            all.push((key, self.value(entry.key)?));
        }
        <[_; N]>::try_from(all).map_err(|all| {
            let shown: Vec<String> = all.iter().map(|(key, value)| format!("\n  {key}: {value}")).collect();
            Error::bad_input(format!(
                "map {}: {} elements, not {N}{}",
                self.map.name,
                all.len(),
                shown.concat()
            ))
        })
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.entries().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    /// The bytes of a key or value.
    fn encode(&self, what: &str, value: FieldValue) -> Result<Vec<u8>> {
        let failed = |why: &dyn std::fmt::Display| Error::bad_input(format!("{}: {why}", self.place(what)));
        let size = if what == "key" { self.spec().key_size } else { self.spec().value_size } as usize;
        if let FieldValue::Bytes(bytes) = &value
            && bytes.len() == size
        {
            return Ok(bytes.clone());
        }
        let plain = plain(&value)
            .ok_or_else(|| failed(&"only plain values can be in a map, no pointers to memory"))?;
        let typed = self.type_of(what).zip(self.loaded.object().btf.as_ref());
        match (typed, plain) {
            (Some((id, btf)), Value::Struct(members)) => {
                let mut bytes = vec![0; size];
                for (path, value) in members {
                    btf.set(id, &mut bytes, &path, &value).map_err(|error| failed(&error))?;
                }
                Ok(bytes)
            }
            (Some((id, btf)), value) => btf.encode(id, &value).map_err(|error| failed(&error)),
            (None, value) => {
                let number = value.as_i128().filter(|_| size <= 8);
                let number =
                    number.ok_or_else(|| failed(&"the object has no type for it: it takes bytes"))?;
                Ok(number.to_le_bytes()[..size].to_vec())
            }
        }
    }

    fn type_of(&self, what: &str) -> Option<TypeId> {
        let MapSource::Definition(index) = self.map.source else { return None };
        let map = &self.loaded.object().maps[index];
        if what == "key" { map.key_type } else { map.value_type }
    }
}

/// A value that needs no memory.
pub(crate) fn plain(value: &FieldValue) -> Option<Value> {
    Some(match value {
        FieldValue::Int(number) => Value::Int(*number),
        FieldValue::Str(text) => Value::from(text.as_str()),
        FieldValue::Bytes(bytes) => Value::from(bytes.as_slice()),
        FieldValue::List(list) => Value::Array(list.iter().map(plain).collect::<Option<_>>()?),
        FieldValue::Fields(fields) => {
            let members = fields.iter().map(|(name, value)| Some((name.into(), plain(value)?)));
            Value::Struct(members.collect::<Option<_>>()?)
        }
        FieldValue::Addr(addr) => Value::Ptr(*addr),
        _ => return None,
    })
}
