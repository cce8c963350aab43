//! Linked lists: `list_head`, `hlist_head` and `llist_head`.

use super::error::{ObjectError, Problem};
use super::object::ObjectMut;
use super::scene::{Scene, Spot};
use super::types;
use skep_btf::TypeId;

/// Lists that are read are no longer.
const MAX_LIST: usize = 1 << 16;

/// How the members of a list are linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// A ring through the head, both ways.
    Ring,
    /// From `first` on by `next`, with the address of what points to each in its `pprev`.
    Chain,
    /// The same one way only.
    OneWay,
}

/// Types of heads, how these lists are linked, and where a head says what is first.
const HEADS: [(&str, Shape, &str); 5] = [
    ("list_head", Shape::Ring, "next"),
    ("hlist_head", Shape::Chain, "first"),
    ("hlist_nulls_head", Shape::Chain, "first"),
    ("hlist_bl_head", Shape::Chain, "first"),
    ("llist_head", Shape::OneWay, "first"),
];

impl<'k> ObjectMut<'k> {
    /// Makes a list, in this order, of the objects at these addresses: from the head at a path, linked by a member of
    /// theirs, which is named with its type: `parent.list("children", "task_struct.sibling", [a, b])`. Heads are
    /// `list_head`, `hlist_head` (the `nulls` and `bl` sorts, too) and `llist_head`. None makes an empty list.
    ///
    /// # Errors
    /// No such member, or none that lists are made of.
    pub fn list(
        self,
        head: &str,
        link: &str,
        members: impl IntoIterator<Item = u64>,
    ) -> Result<ObjectMut<'k>, ObjectError> {
        let members: Vec<u64> = members.into_iter().collect();
        let run = |scene: &mut Scene<'_>, addr, id| scene.link_list(addr, id, head, link, &members);
        self.run(head, run).map(|(object, ())| object)
    }

    /// The addresses of the objects in a list, in order.
    ///
    /// # Errors
    /// As for [`list`](ObjectMut::list); links that lead nowhere or go round in circles.
    pub fn list_of(&mut self, head: &str, link: &str) -> Result<Vec<u64>, ObjectError> {
        self.look(head, |scene, addr, id| scene.walk_list(addr, id, head, link))
    }
}

impl Scene<'_> {
    fn link_list(
        &mut self,
        base: u64,
        id: TypeId,
        head: &str,
        link: &str,
        members: &[u64],
    ) -> Result<(), Problem> {
        let (head, shape, first) = self.head(base, id, head, true)?;
        let (_, offset, node) = self.member_of(link)?;
        let nodes: Vec<u64> = members.iter().map(|it| it.wrapping_add(offset)).collect();
        let head_id = head.field.type_id;
        let end = if shape == Shape::Ring { head.addr } else { self.end_of(head) };
        let mut before = (head.addr, head_id, first);
        for node_addr in nodes {
            self.put_address(before.0, before.1, before.2, node_addr)?;
            match shape {
                Shape::Ring => self.put_address(node_addr, node, "prev", before.0)?,
                Shape::Chain => {
                    let from = self.find(before.0, before.1, before.2, true)?.addr;
                    self.put_address(node_addr, node, "pprev", from)?;
                }
                Shape::OneWay => {}
            }
            before = (node_addr, node, "next");
        }
        self.put_address(before.0, before.1, before.2, end)?;
        if shape == Shape::Ring {
            self.put_address(head.addr, head_id, "prev", before.0)?;
        }
        Ok(())
    }

    fn walk_list(&mut self, base: u64, id: TypeId, head: &str, link: &str) -> Result<Vec<u64>, Problem> {
        let (head, shape, first) = self.head(base, id, head, false)?;
        let (_, offset, node) = self.member_of(link)?;
        let mut members = Vec::new();
        let mut at = self.address_in(head.addr, head.field.type_id, first)?;
        loop {
            let ends = match shape {
                // A head that was never set is an empty list.
                Shape::Ring => at == head.addr || at == 0,
                // The nulls that end a list are odd.
                _ => at == 0 || at & 1 == 1,
            };
            match ends {
                true => return Ok(members),
                false if members.len() == MAX_LIST => return Err(Problem::BrokenList),
                false => members.push(at.wrapping_sub(offset)),
            }
            at = self.address_in(at, node, "next").map_err(|_| Problem::BrokenList)?;
        }
    }

    /// Puts an object behind the last one of a ring; a head of zeroes is an empty ring.
    pub(crate) fn append(&mut self, head: u64, node: u64) -> Result<(), Problem> {
        let id = self.type_of("list_head")?;
        let last = match self.address_in(head, id, "prev")? {
            0 => head,
            last => last,
        };
        for (addr, field, to) in
            [(last, "next", node), (node, "prev", last), (node, "next", head), (head, "prev", node)]
        {
            self.put_address(addr, id, field, to)?;
        }
        Ok(())
    }

    /// Where a head is, how its list is linked, and the member that says what is first.
    fn head(
        &mut self,
        base: u64,
        id: TypeId,
        path: &str,
        make: bool,
    ) -> Result<(Spot, Shape, &'static str), Problem> {
        let spot = self.find(base, id, path, make)?;
        let resolved = self.btf.resolve(spot.field.type_id);
        let row = HEADS.iter().find(|row| row.0 == self.btf.name(resolved));
        match row {
            Some((_, shape, first)) => Ok((spot, *shape, first)),
            None => {
                let is = types::called(&self.btf, spot.field.type_id);
                Err(Problem::NotA { part: path.to_owned(), is, wanted: "the head of a list" })
            }
        }
    }

    /// What ends a chain: NULL, or an odd number.
    fn end_of(&self, head: Spot) -> u64 {
        u64::from(self.btf.name(self.btf.resolve(head.field.type_id)) == "hlist_nulls_head")
    }

    /// `task_struct.sibling`: the type, bytes to the member, and the member's type.
    fn member_of(&mut self, link: &str) -> Result<(TypeId, u64, TypeId), Problem> {
        let (name, member) = link.split_once('.').ok_or(Problem::Syntax(link.len()))?;
        let id = self.type_of(name)?;
        let route = self.route(id, member)?;
        match route.hops.is_empty() && route.last.bit_offset.is_multiple_of(8) {
            true => Ok((id, route.last.bit_offset / 8, route.last.type_id)),
            false => Err(Problem::NotA {
                part: link.to_owned(),
                is: "behind a pointer".to_owned(),
                wanted: "a member",
            }),
        }
    }

    pub(crate) fn put_address(&mut self, base: u64, id: TypeId, path: &str, to: u64) -> Result<(), Problem> {
        let spot = self.find(base, id, path, true)?;
        self.point(spot, to)
    }

    pub(crate) fn address_in(&mut self, base: u64, id: TypeId, path: &str) -> Result<u64, Problem> {
        let spot = self.find(base, id, path, false)?;
        self.pointer(spot)
    }
}
