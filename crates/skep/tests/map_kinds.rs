//! Maps with calls of their own, through the facade and on the fixtures.

use skep::{Context, MapSpec};
use skep_abi::MapType;
use skep_testkit::fixtures;

fn packet() -> Context {
    skep::packet(vec![0; 64]).with(&skep::abi::ctx::sk_buff::ifindex, 5).into()
}

#[test]
fn inner_maps_are_put_and_made() {
    let mut sk = skep::parse(&fixtures::object("map_in_map")).unwrap().load().unwrap();
    // Both inner maps of the object; none by interface.
    assert_eq!(sk.program("map_in_map").unwrap().run(packet()).unwrap().retval(), 2);
    let error = sk.map("by_interface").unwrap().put_map(&0u32, "inbound").unwrap_err().to_string();
    assert!(error.contains("by_interface") && error.contains("EINVAL"), "{error}");
    let inner = sk.map("by_interface").unwrap().new_inner(&5u32).unwrap();
    assert_eq!(sk.program("map_in_map").unwrap().run(packet()).unwrap().retval(), 3);
    let found = sk.kernel().map_lookup_elem(inner, &5u32.to_le_bytes()).unwrap();
    assert_eq!(found, 1u64.to_le_bytes());
    sk.map("by_direction").unwrap().put_map(&2u32, "inbound").unwrap();
    assert_eq!(sk.program("map_in_map").unwrap().run(packet()).unwrap().retval(), 4);
    let error = sk.map("inbound").unwrap().new_inner(&5u32).unwrap_err().to_string();
    assert!(error.contains("holds no maps"), "{error}");
}

/// A loader that chooses the inner maps itself.
#[test]
fn a_template_can_be_set() {
    let open = skep::parse(&fixtures::object("map_in_map")).unwrap();
    let larger = MapSpec::new(MapType::Hash, 4, 8, 1000);
    let mut sk = open.inner_map("by_interface", larger).unwrap().load().unwrap();
    let inner = sk.map("by_interface").unwrap().new_inner(&5u32).unwrap();
    assert_eq!(sk.kernel().map_info(inner).unwrap().max_entries, 1000);
    let mut open = skep::parse(&fixtures::object("map_in_map")).unwrap();
    open.open_object().map_mut("by_interface").unwrap().spec.inner = None;
    let error = open.load().unwrap_err().to_string();
    assert!(error.contains("set one before loading"), "{error}");
}

#[test]
fn values_without_keys() {
    let mut sk = skep::parse(&fixtures::object("declarations")).unwrap().load().unwrap();
    sk.program("declarations").unwrap().run(packet()).unwrap();
    // The program pushed 3, 2, 1 and popped the first of the queue.
    let shown: Vec<_> = sk.map("queue").unwrap().entries().map(|entry| entry.values[0][0]).collect();
    assert_eq!(shown, [2, 1]);
    assert_eq!(sk.map("queue").unwrap().pop::<u32>().unwrap(), Some(2));
    let mut stack = sk.map("stack").unwrap();
    assert_eq!(stack.peek::<u32>().unwrap(), Some(1));
    stack.push(&77u32).unwrap();
    assert_eq!(stack.pop::<u32>().unwrap(), Some(77));
    let bloom = sk.map("bloom").unwrap();
    assert!(bloom.contains(&2u32).unwrap() && !bloom.contains(&1000u32).unwrap());
    assert!(sk.map("stack").unwrap().contains(&1u32).is_err());
}
