//! Red-black trees of nodes that are addresses. They have the shape that the kernel's have (`lib/rbtree.c`), since programs
//! can look at it: `bpf_rbtree_root`, `_left`, `_right`. The algorithms are those of the textbook (Cormen, Leiserson,
//! Rivest, Stein), which is where the kernel's come from.

use std::collections::{BTreeMap, HashMap};

/// What a node is linked to; 0 is nothing.
#[derive(Clone, Copy, Default, Debug)]
struct Links {
    parent: u64,
    /// Right and left.
    below: [u64; 2],
    red: bool,
}

/// Trees, by the addresses of their heads.
#[derive(Debug, Default)]
pub(super) struct Trees {
    roots: BTreeMap<u64, u64>,
    links: HashMap<u64, Links>,
}

/// The index of a side.
fn side(left: bool) -> usize {
    usize::from(left)
}

impl Trees {
    fn get(&self, node: u64) -> Links {
        self.links.get(&node).copied().unwrap_or_default()
    }

    fn change(&mut self, node: u64, run: impl FnOnce(&mut Links)) {
        if let Some(links) = self.links.get_mut(&node) {
            run(links);
        }
    }

    fn is_red(&self, node: u64) -> bool {
        self.get(node).red
    }

    fn paint(&mut self, node: u64, red: bool) {
        self.change(node, |it| it.red = red);
    }

    /// The node at the top, and the one at the left end.
    pub(super) fn root(&self, head: u64) -> Option<(u64, u64)> {
        let root = self.roots.get(&head).copied()?;
        let mut first = root;
        while let Some(left) = self.child(first, true) {
            first = left;
        }
        Some((root, first))
    }

    pub(super) fn child(&self, node: u64, left: bool) -> Option<u64> {
        Some(self.get(node).below[side(left)]).filter(|it| *it != 0)
    }

    /// Empties a tree: its nodes.
    pub(super) fn clear(&mut self, head: u64) -> Vec<u64> {
        let mut nodes: Vec<u64> = self.roots.remove(&head).into_iter().collect();
        let mut done = 0;
        while let Some(node) = nodes.get(done).copied() {
            let links = self.links.remove(&node).unwrap_or_default();
            nodes.extend(links.below.into_iter().filter(|it| *it != 0));
            done += 1;
        }
        nodes
    }

    /// Has what pointed to one node point to another.
    fn replace(&mut self, head: u64, parent: u64, old: u64, new: u64) {
        if parent == 0 {
            match new {
                0 => self.roots.remove(&head),
                new => self.roots.insert(head, new),
            };
        } else {
            let is_left = self.get(parent).below[1] == old;
            self.change(parent, |it| it.below[side(is_left)] = new);
        }
        self.change(new, |it| it.parent = parent);
    }

    /// Turns a node down to a side; the one below it on the other side takes its place.
    fn rotate(&mut self, head: u64, node: u64, left: bool) {
        let links = self.get(node);
        let up = links.below[side(!left)];
        let moved = self.get(up).below[side(left)];
        self.change(node, |it| it.below[side(!left)] = moved);
        self.change(moved, |it| it.parent = node);
        self.replace(head, links.parent, node, up);
        self.change(up, |it| it.below[side(left)] = node);
        self.change(node, |it| it.parent = up);
    }

    pub(super) fn insert(&mut self, head: u64, node: u64, parent: Option<(u64, bool)>) {
        let above = parent.map_or(0, |it| it.0);
        self.links.insert(node, Links { parent: above, below: [0; 2], red: true });
        match parent {
            None => {
                self.roots.insert(head, node);
            }
            Some((parent, left)) => self.change(parent, |it| it.below[side(left)] = node),
        }
        self.after_insert(head, node);
    }

    fn after_insert(&mut self, head: u64, mut node: u64) {
        loop {
            let parent = self.get(node).parent;
            if parent == 0 {
                return self.paint(node, false);
            }
            let grand = self.get(parent).parent;
            if !self.is_red(parent) || grand == 0 {
                return;
            }
            let left = self.get(grand).below[1] == parent;
            let uncle = self.get(grand).below[side(!left)];
            if self.is_red(uncle) {
                self.paint(uncle, false);
                self.paint(parent, false);
                self.paint(grand, true);
                node = grand;
                continue;
            }
            let mut parent = parent;
            if self.get(parent).below[side(!left)] == node {
                self.rotate(head, parent, left);
                parent = node;
            }
            self.paint(parent, false);
            self.paint(grand, true);
            return self.rotate(head, grand, !left);
        }
    }

    pub(super) fn remove(&mut self, head: u64, node: u64) {
        let links = self.get(node);
        let [right, left] = links.below;
        // What is black and missing now, and above what.
        let (child, above, red) = if left == 0 || right == 0 {
            let child = if left == 0 { right } else { left };
            self.replace(head, links.parent, node, child);
            (child, links.parent, links.red)
        } else {
            self.splice(head, node, links)
        };
        self.links.remove(&node);
        if !red {
            self.after_remove(head, child, above);
        }
    }

    /// Puts the next node into the place of one that has two below it.
    fn splice(&mut self, head: u64, node: u64, links: Links) -> (u64, u64, bool) {
        let [right, left] = links.below;
        let mut next = right;
        while let Some(further) = self.child(next, true) {
            next = further;
        }
        let of_next = self.get(next);
        let child = of_next.below[0];
        let above = if next == right {
            next
        } else {
            self.replace(head, of_next.parent, next, child);
            self.change(next, |it| it.below[0] = right);
            self.change(right, |it| it.parent = next);
            of_next.parent
        };
        self.replace(head, links.parent, node, next);
        self.change(next, |it| {
            it.below[1] = left;
            it.red = links.red;
        });
        self.change(left, |it| it.parent = next);
        (child, above, of_next.red)
    }

    fn after_remove(&mut self, head: u64, mut node: u64, mut above: u64) {
        while above != 0 && !self.is_red(node) {
            let left = self.get(above).below[1] == node;
            let mut other = self.get(above).below[side(!left)];
            if self.is_red(other) {
                self.paint(other, false);
                self.paint(above, true);
                self.rotate(head, above, left);
                other = self.get(above).below[side(!left)];
            }
            let near = self.get(other).below[side(left)];
            let far = self.get(other).below[side(!left)];
            if !self.is_red(near) && !self.is_red(far) {
                self.paint(other, true);
                (node, above) = (above, self.get(above).parent);
                continue;
            }
            if !self.is_red(far) {
                self.paint(near, false);
                self.paint(other, true);
                self.rotate(head, other, !left);
                other = self.get(above).below[side(!left)];
            }
            let far = self.get(other).below[side(!left)];
            let red = self.is_red(above);
            self.paint(other, red);
            self.paint(above, false);
            self.paint(far, false);
            return self.rotate(head, above, left);
        }
        self.paint(node, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: u64 = 1;

    /// Puts a number where it belongs; equal ones go to the right.
    fn add(trees: &mut Trees, node: u64) {
        let mut parent = None;
        let mut at = trees.root(HEAD).map(|it| it.0);
        while let Some(there) = at {
            let left = node < there;
            parent = Some((there, left));
            at = trees.child(there, left);
        }
        trees.insert(HEAD, node, parent);
    }

    /// The numbers in order, and how many black ones are on each way down.
    fn check(trees: &Trees, node: u64, parent: u64, out: &mut Vec<u64>) -> usize {
        if node == 0 {
            return 1;
        }
        let links = trees.get(node);
        assert_eq!(links.parent, parent);
        assert!(!links.red || links.below.iter().all(|it| !trees.is_red(*it)), "two reds at {node}");
        let left = check(trees, links.below[1], node, out);
        out.push(node);
        let right = check(trees, links.below[0], node, out);
        assert_eq!(left, right, "not balanced at {node}");
        left + usize::from(!links.red)
    }

    fn numbers(trees: &Trees) -> Vec<u64> {
        let mut out = Vec::new();
        let root = trees.root(HEAD);
        check(trees, root.map_or(0, |it| it.0), 0, &mut out);
        assert_eq!(root.map(|it| it.1), out.first().copied());
        assert!(root.is_none_or(|it| !trees.is_red(it.0)));
        out
    }

    #[test]
    fn ascending_numbers_make_the_tree_of_the_textbook() {
        let mut trees = Trees::default();
        (10..=17).for_each(|it| add(&mut trees, it));
        let root = trees.root(HEAD).map(|it| it.0);
        assert_eq!(root, Some(13));
        assert_eq!([true, false].map(|left| trees.child(13, left)), [Some(11), Some(15)]);
        assert_eq!([true, false].map(|left| trees.child(15, left)), [Some(14), Some(16)]);
        let mut cleared = trees.clear(HEAD);
        cleared.sort_unstable();
        assert_eq!(cleared, (10..=17).collect::<Vec<_>>());
        assert!(trees.links.is_empty() && trees.root(HEAD).is_none());
    }

    proptest! {
        #[test]
        fn what_is_in_stays_in_order_and_balanced(ops in prop::collection::vec((any::<bool>(), 2u64..40), 1..200)) {
            let mut trees = Trees::default();
            let mut model = std::collections::BTreeSet::new();
            for (adds, number) in ops {
                if adds && model.insert(number) {
                    add(&mut trees, number);
                } else if !adds && model.remove(&number) {
                    trees.remove(HEAD, number);
                }
                prop_assert_eq!(numbers(&trees), model.iter().copied().collect::<Vec<_>>());
            }
            for number in model {
                trees.remove(HEAD, number);
            }
            prop_assert!(trees.links.is_empty() && trees.roots.is_empty());
        }
    }
}
