//! Names of the values that programs return.

/// Makes constants, a name of a number and the number of a name from one table.
macro_rules! verdicts {
    ($type:ty, $( $(#[$doc:meta])* $name:ident = $value:literal; )*) => {
        $( $(#[$doc])* pub const $name: $type = $value; )*

        /// Every row, in the order of the numbers.
        pub const ALL: &[(&str, $type)] = &[ $( (stringify!($name), $name) ),* ];

        /// The name of a value; `None` if it has none.
        pub fn name(value: $type) -> Option<&'static str> {
            ALL.iter().find(|it| it.1 == value).map(|it| it.0)
        }

        /// The value with this name.
        pub fn from_name(name: &str) -> Option<$type> {
            ALL.iter().find(|it| it.0 == name).map(|it| it.1)
        }
    };
}

pub(crate) use verdicts;

/// What XDP programs return (`enum xdp_action`).
///
/// ```
/// use skep_abi::xdp;
/// assert_eq!(xdp::name(xdp::XDP_PASS), Some("XDP_PASS"));
/// assert_eq!(xdp::from_name("XDP_TX"), Some(3));
/// ```
pub mod xdp {
    verdicts! { u32,
        /// An error: the packet is dropped and a tracepoint fires.
        XDP_ABORTED = 0;
        /// The packet is dropped.
        XDP_DROP = 1;
        /// The packet goes up the stack.
        XDP_PASS = 2;
        /// The packet goes out where it came in.
        XDP_TX = 3;
        /// The packet goes where `bpf_redirect` or `bpf_redirect_map` said.
        XDP_REDIRECT = 4;
    }
}

/// What traffic control programs return (`TC_ACT_*` of `linux/pkt_cls.h`).
///
/// ```
/// use skep_abi::tc;
/// assert_eq!(tc::name(tc::TC_ACT_SHOT), Some("TC_ACT_SHOT"));
/// assert_eq!(tc::name(-1), Some("TC_ACT_UNSPEC"));
/// ```
pub mod tc {
    verdicts! { i32,
        /// Use the action that the classifier is configured with.
        TC_ACT_UNSPEC = -1;
        /// The packet goes on.
        TC_ACT_OK = 0;
        /// Start classification again.
        TC_ACT_RECLASSIFY = 1;
        /// The packet is dropped.
        TC_ACT_SHOT = 2;
        /// Go on with the next action.
        TC_ACT_PIPE = 3;
        /// The packet was consumed.
        TC_ACT_STOLEN = 4;
        /// The packet was queued.
        TC_ACT_QUEUED = 5;
        /// Run the action again.
        TC_ACT_REPEAT = 6;
        /// The packet goes where `bpf_redirect` said.
        TC_ACT_REDIRECT = 7;
        /// Like `TC_ACT_STOLEN`, also in hardware.
        TC_ACT_TRAP = 8;
    }
}

/// What sk_msg and sk_skb verdict programs return (`enum sk_action`).
pub mod sk {
    verdicts! { u32,
        /// The data is dropped.
        SK_DROP = 0;
        /// The data goes on, or where a redirect helper said.
        SK_PASS = 1;
    }
}

/// What lightweight tunnel programs return (`enum bpf_ret_code`; `BPF_OK` and `BPF_DROP` have the numbers of
/// `TC_ACT_OK` and `TC_ACT_SHOT`).
pub mod ret_code {
    verdicts! { u32,
        /// The packet goes on.
        BPF_OK = 0;
        /// The packet is dropped.
        BPF_DROP = 2;
        /// The packet goes where `bpf_redirect` said.
        BPF_REDIRECT = 7;
        /// The packet is routed again (`LwtIn`, `LwtXmit`).
        BPF_LWT_REROUTE = 128;
        /// Go on with the kernel's flow dissector.
        BPF_FLOW_DISSECTOR_CONTINUE = 129;
    }
}
