//! Cgroups: the hierarchy of version 2.

use super::error::Problem;
use super::scene::Scene;
use super::types;
use super::value::FieldValue;

/// The id of the root cgroup's directory.
const ROOT: u64 = 1;
/// A hierarchy that is read is no deeper.
const MAX_LEVELS: usize = 256;

impl Scene<'_> {
    /// Puts a task into the last of these cgroups, which are each in the one before; the first is the root.
    pub(crate) fn join_cgroups(&mut self, task: u64, ids: &[u64]) -> Result<(), Problem> {
        if self.spot_if(task, "task_struct", "cgroups")?.is_none() || ids.is_empty() {
            return Ok(());
        }
        if self.cgroups_of(task).is_some_and(|it| it == ids) {
            return Ok(());
        }
        if *ids == [ROOT] {
            if let Some(root) = self.named("init_css_set")? {
                self.set_if(task, "task_struct", "cgroups", FieldValue::Addr(root))?;
            }
            return Ok(());
        }
        let cgroup = self.cgroup_path(ids)?;
        let (Some(cgroup), Ok(id)) = (cgroup, self.type_of("css_set")) else { return Ok(()) };
        let set = self.alloc(id, false)?;
        self.set_if(set, "css_set", "dfl_cgrp", FieldValue::Addr(cgroup))?;
        self.set_if(set, "css_set", "dom_cset", FieldValue::Addr(set))?;
        self.set_if(set, "css_set", "nr_tasks", 1)?;
        self.all_controllers(set)?;
        self.set_if(task, "task_struct", "cgroups", FieldValue::Addr(set))
    }

    /// The last of these cgroups, which are each in the one before; the first is the root.
    pub(crate) fn cgroup_path(&mut self, ids: &[u64]) -> Result<Option<u64>, Problem> {
        let mut cgroup = None;
        for level in 0..ids.len() {
            cgroup = self.cgroup(&ids[..=level], cgroup)?;
        }
        Ok(cgroup)
    }

    /// The cgroup of the last id, below the others.
    fn cgroup(&mut self, ids: &[u64], parent: Option<u64>) -> Result<Option<u64>, Problem> {
        let Some((id, above)) = ids.split_last() else { return Ok(parent) };
        if let (true, Some(root)) = (*id == ROOT && above.is_empty(), self.named("cgrp_dfl_root")?) {
            return self.spot_if(root, "cgroup_root", "cgrp");
        }
        if let Some(cgroup) = self.world.cgroups.get(id) {
            return Ok(Some(*cgroup));
        }
        let Ok(type_id) = self.type_of("cgroup") else { return Ok(None) };
        let cgroup = self.alloc(type_id, false)?;
        self.world.cgroups.insert(*id, cgroup);
        let name = if above.is_empty() { String::new() } else { format!("cgroup-{id}") };
        let level = above.len();
        let mut fields: Vec<(String, FieldValue)> = vec![
            ("level".into(), level.into()),
            ("self.cgroup".into(), FieldValue::Addr(cgroup)),
            ("kn.id".into(), (*id).into()),
            ("kn.id.id".into(), (*id).into()),
            ("kn.name".into(), name.into()),
            ("kn.priv".into(), FieldValue::Addr(cgroup)),
            (format!("ancestors[{level}]"), FieldValue::Addr(cgroup)),
            (format!("ancestor_ids[{level}]"), (*id).into()),
        ];
        if let Some(root) = self.named("cgrp_dfl_root")? {
            fields.push(("root".into(), FieldValue::Addr(root)));
        }
        if let Some(parent) = parent {
            self.below(cgroup, parent, level, &mut fields)?;
        }
        for (path, value) in fields {
            self.set_if(cgroup, "cgroup", &path, value)?;
        }
        Ok(Some(cgroup))
    }

    /// The cgroup of an id, if it was made.
    pub(crate) fn cgroup_of(&mut self, id: u64) -> Option<u64> {
        if let Some(cgroup) = self.world.cgroups.get(&id) {
            return Some(*cgroup);
        }
        let root = (id == ROOT).then(|| self.named("cgrp_dfl_root").ok().flatten()).flatten()?;
        self.spot_if(root, "cgroup_root", "cgrp").ok().flatten()
    }

    /// All cgroups, the root first.
    pub(crate) fn all_cgroups(&mut self) -> Vec<u64> {
        let root = self.cgroup_of(ROOT);
        root.into_iter().chain(self.world.cgroups.values().copied().filter(|it| Some(*it) != root)).collect()
    }

    /// What a cgroup knows of those above it.
    fn below(
        &mut self,
        _cgroup: u64,
        parent: u64,
        level: usize,
        fields: &mut Vec<(String, FieldValue)>,
    ) -> Result<(), Problem> {
        if let Some(node) = self.get_if(parent, "cgroup", "kn") {
            for field in ["kn.parent", "kn.__parent"] {
                fields.push((field.into(), FieldValue::Addr(node)));
            }
        }
        if let Some(css) = self.spot_if(parent, "cgroup", "self")? {
            fields.push(("self.parent".into(), FieldValue::Addr(css)));
        }
        for above in 0..level {
            for field in ["ancestors", "ancestor_ids"] {
                let path = format!("{field}[{above}]");
                if let Some(value) = self.get_if(parent, "cgroup", &path) {
                    fields.push((path, FieldValue::Addr(value)));
                }
            }
        }
        Ok(())
    }

    /// Every controller of a set is that of its cgroup.
    pub(crate) fn all_controllers(&mut self, set: u64) -> Result<(), Problem> {
        let Some(cgroup) = self.get_if(set, "css_set", "dfl_cgrp") else { return Ok(()) };
        let Some(css) = self.spot_if(cgroup, "cgroup", "self")? else { return Ok(()) };
        let id = self.type_of("css_set")?;
        let Ok(route) = self.route(id, "subsys") else { return Ok(()) };
        let len = types::array(&self.btf, route.last.type_id).map_or(0, |it| it.len);
        for index in 0..len.min(64) {
            self.set_if(set, "css_set", &format!("subsys[{index}]"), FieldValue::Addr(css))?;
        }
        Ok(())
    }

    /// The ids of a task's cgroups, from the root's to its own, as far as this kernel's cgroups tell.
    pub(crate) fn cgroups_of(&mut self, task: u64) -> Option<Vec<u64>> {
        let mut node = self.get_if(task, "task_struct", "cgroups.dfl_cgrp.kn")?;
        let mut ids = Vec::new();
        while node != 0 && ids.len() < MAX_LEVELS {
            let id = ["id", "id.id"].into_iter().find_map(|it| self.get_if(node, "kernfs_node", it))?;
            ids.push(id);
            node = ["parent", "__parent"].into_iter().find_map(|it| self.get_if(node, "kernfs_node", it))?;
        }
        ids.reverse();
        Some(ids).filter(|it| !it.is_empty())
    }
}
