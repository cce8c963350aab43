/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sockets, packets, devices, connection tracking. Part of vmlinux.h, which see. */

struct socket_wq {
	wait_queue_head_t wait;
	struct fasync_struct *fasync_list;
	long unsigned int flags;
	struct callback_head rcu;
};

typedef enum {
	SS_FREE,
	SS_UNCONNECTED,
	SS_CONNECTING,
	SS_CONNECTED,
	SS_DISCONNECTING,
} socket_state;

struct socket {
	socket_state state;
	short int type;
	long unsigned int flags;
	struct file *file;
	struct sock *sk;
	const struct proto_ops *ops;
	struct socket_wq wq;
};

struct sk_buff_head {
	union {
		struct {
			struct sk_buff *next;
			struct sk_buff *prev;
		};
	};
	__u32 qlen;
	spinlock_t lock;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef __u64 __addrpair;
typedef __u32 __portpair;

struct sock_common {
	union {
		__addrpair skc_addrpair;
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		unsigned int skc_hash;
		__u16 skc_u16hashes[2];
	};
	union {
		__portpair skc_portpair;
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	short unsigned int skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	unsigned char skc_net_refcnt : 1;
	int skc_bound_dev_if;
	union {
		struct hlist_node skc_bind_node;
	};
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	union {
		long unsigned int skc_flags;
		struct sock *skc_listener;
	};
	union {
		struct hlist_node skc_node;
		struct hlist_nulls_node skc_nulls_node;
	};
	short unsigned int skc_tx_queue_mapping;
	short unsigned int skc_rx_queue_mapping;
	refcount_t skc_refcnt;
};

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	__s32 sk_peek_off;
	struct sk_buff_head sk_error_queue;
	struct sk_buff_head sk_receive_queue;
	struct {
		atomic_t rmem_alloc;
		struct sk_buff *tail;
	} sk_backlog;
	struct dst_entry *sk_rx_dst;
	int sk_rx_dst_ifindex;
	u8 sk_userlocks;
	int sk_rcvbuf;
	struct sk_filter *sk_filter;
	union {
		struct socket_wq *sk_wq;
	};
	void (*sk_data_ready)(struct sock *);
	long int sk_rcvtimeo;
	int sk_rcvlowat;
	int sk_err;
	struct socket *sk_socket;
	struct mem_cgroup *sk_memcg;
	struct xfrm_policy *sk_policy[2];
	socket_lock_t sk_lock;
	u32 sk_reserved_mem;
	int sk_forward_alloc;
	u32 sk_tsflags;
	atomic_t sk_omem_alloc;
	int sk_sndbuf;
	int sk_wmem_queued;
	refcount_t sk_wmem_alloc;
	long unsigned int sk_tsq_flags;
	union {
		struct sk_buff *sk_send_head;
	};
	struct sk_buff_head sk_write_queue;
	u32 sk_pacing_status;
	struct timer_list sk_timer;
	long unsigned int sk_pacing_rate;
	atomic_t sk_tskey;
	long unsigned int sk_max_pacing_rate;
	long int sk_sndtimeo;
	u32 sk_priority;
	u32 sk_mark;
	struct dst_entry *sk_dst_cache;
	netdev_features_t sk_route_caps;
	u16 sk_gso_type;
	u16 sk_gso_max_segs;
	unsigned int sk_gso_max_size;
	gfp_t sk_allocation;
	u32 sk_txhash;
	u8 sk_pacing_shift;
	u8 sk_kern_sock : 1;
	u8 sk_no_check_tx : 1;
	u8 sk_shutdown;
	u16 sk_type;
	u16 sk_protocol;
	int sk_err_soft;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	kuid_t sk_uid;
	struct pid *sk_peer_pid;
	const struct cred *sk_peer_cred;
	ktime_t sk_stamp;
	void *sk_user_data;
	void *sk_security;
	struct sock_cgroup_data sk_cgrp_data;
	void (*sk_state_change)(struct sock *);
	void (*sk_write_space)(struct sock *);
	void (*sk_error_report)(struct sock *);
	int (*sk_backlog_rcv)(struct sock *, struct sk_buff *);
	void (*sk_destruct)(struct sock *);
	struct sock_reuseport *sk_reuseport_cb;
	struct bpf_local_storage *sk_bpf_storage;
	struct callback_head sk_rcu;
};

struct netns_core {
	struct ctl_table_header *sysctl_hdr;
	int sysctl_somaxconn;
	int sysctl_optmem_max;
	u8 sysctl_txrehash;
	struct prot_inuse *prot_inuse;
	struct cpumask *rps_default_mask;
};

struct netns_ct {
	__u8 opaque[232];
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	struct udp_table *udp_table;
};

struct netns_ipv6 {
	__u8 opaque[832];
};

struct netns_mib {
	__u8 opaque[128];
};

struct netns_nf {
	__u8 opaque[264];
};

struct net {
	refcount_t passive;
	spinlock_t rules_mod_lock;
	u32 ifindex;
	struct user_namespace *user_ns;
	struct ucounts *ucounts;
	struct ns_common ns;
	struct list_head dev_base_head;
	struct proc_dir_entry *proc_net;
	u32 hash_mix;
	struct net_device *loopback_dev;
	struct netns_core core;
	struct netns_mib mib;
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
	struct netns_nf nf;
	struct netns_ct ct;
	u64 net_cookie;
};

struct sk_buff {
	union {
		struct {
			struct sk_buff *next;
			struct sk_buff *prev;
			union {
				struct net_device *dev;
			};
		};
		struct rb_node rbnode;
		struct list_head list;
	};
	struct sock *sk;
	union {
		ktime_t tstamp;
		u64 skb_mstamp_ns;
	};
	char cb[48];
	union {
		struct {
			long unsigned int _skb_refdst;
			void (*destructor)(struct sk_buff *);
		};
	};
	long unsigned int _nfct;
	unsigned int len;
	unsigned int data_len;
	__u16 mac_len;
	__u16 hdr_len;
	__u16 queue_mapping;
	__u8 cloned : 1;
	__u8 nohdr : 1;
	__u8 fclone : 2;
	__u8 peeked : 1;
	__u8 head_frag : 1;
	__u8 pfmemalloc : 1;
	__u8 active_extensions;
	union {
		struct {
			__u8 __pkt_type_offset[0];
			__u8 pkt_type : 3;
			__u8 ignore_df : 1;
			__u8 dst_pending_confirm : 1;
			__u8 ip_summed : 2;
			__u8 ooo_okay : 1;
			__u8 tstamp_type : 2;
			__u8 tc_at_ingress : 1;
			__u8 tc_skip_classify : 1;
			__u8 csum_level : 2;
			__u8 l4_hash : 1;
			__u8 sw_hash : 1;
			__u8 wifi_acked : 1;
			__u8 encapsulation : 1;
			__u8 csum_valid : 1;
			__u8 nf_trace : 1;
			__u8 offload_fwd_mark : 1;
			__u8 redirected : 1;
			__u16 tc_index;
			u16 alloc_cpu;
			union {
				__wsum csum;
				struct {
					__u16 csum_start;
					__u16 csum_offset;
				};
			};
			__u32 priority;
			int skb_iif;
			__u32 hash;
			union {
				u32 vlan_all;
				struct {
					__be16 vlan_proto;
					__u16 vlan_tci;
				};
			};
			union {
				unsigned int napi_id;
				unsigned int sender_cpu;
			};
			__u32 secmark;
			union {
				__u32 mark;
				__u32 reserved_tailroom;
			};
			union {
				__be16 inner_protocol;
			};
			__u16 inner_transport_header;
			__u16 inner_network_header;
			__u16 inner_mac_header;
			__be16 protocol;
			__u16 transport_header;
			__u16 network_header;
			__u16 mac_header;
		};
	};
	sk_buff_data_t tail;
	sk_buff_data_t end;
	unsigned char *head;
	unsigned char *data;
	unsigned int truesize;
	refcount_t users;
	struct skb_ext *extensions;
};

struct net_device_stats {
	union {
		long unsigned int rx_packets;
		atomic_long_t __rx_packets;
	};
	union {
		long unsigned int tx_packets;
		atomic_long_t __tx_packets;
	};
	union {
		long unsigned int rx_bytes;
		atomic_long_t __rx_bytes;
	};
	union {
		long unsigned int tx_bytes;
		atomic_long_t __tx_bytes;
	};
	union {
		long unsigned int rx_errors;
		atomic_long_t __rx_errors;
	};
	union {
		long unsigned int tx_errors;
		atomic_long_t __tx_errors;
	};
	union {
		long unsigned int rx_dropped;
		atomic_long_t __rx_dropped;
	};
	union {
		long unsigned int tx_dropped;
		atomic_long_t __tx_dropped;
	};
	union {
		long unsigned int multicast;
		atomic_long_t __multicast;
	};
	union {
		long unsigned int collisions;
		atomic_long_t __collisions;
	};
	union {
		long unsigned int rx_length_errors;
		atomic_long_t __rx_length_errors;
	};
	union {
		long unsigned int rx_over_errors;
		atomic_long_t __rx_over_errors;
	};
	union {
		long unsigned int rx_crc_errors;
		atomic_long_t __rx_crc_errors;
	};
	union {
		long unsigned int rx_frame_errors;
		atomic_long_t __rx_frame_errors;
	};
	union {
		long unsigned int rx_fifo_errors;
		atomic_long_t __rx_fifo_errors;
	};
	union {
		long unsigned int rx_missed_errors;
		atomic_long_t __rx_missed_errors;
	};
	union {
		long unsigned int tx_aborted_errors;
		atomic_long_t __tx_aborted_errors;
	};
	union {
		long unsigned int tx_carrier_errors;
		atomic_long_t __tx_carrier_errors;
	};
	union {
		long unsigned int tx_fifo_errors;
		atomic_long_t __tx_fifo_errors;
	};
	union {
		long unsigned int tx_heartbeat_errors;
		atomic_long_t __tx_heartbeat_errors;
	};
	union {
		long unsigned int tx_window_errors;
		atomic_long_t __tx_window_errors;
	};
	union {
		long unsigned int rx_compressed;
		atomic_long_t __rx_compressed;
	};
	union {
		long unsigned int tx_compressed;
		atomic_long_t __tx_compressed;
	};
};

struct net_device {
	union {
		struct {
			long unsigned int priv_flags : 32;
		};
	};
	const struct net_device_ops *netdev_ops;
	const struct header_ops *header_ops;
	struct netdev_queue *_tx;
	unsigned int real_num_tx_queues;
	unsigned int gso_max_size;
	unsigned int mtu;
	short unsigned int needed_headroom;
	union {
		struct pcpu_lstats *lstats;
		struct pcpu_sw_netstats *tstats;
	};
	long unsigned int state;
	unsigned int flags;
	short unsigned int hard_header_len;
	netdev_features_t features;
	struct inet6_dev *ip6_ptr;
	struct bpf_prog *xdp_prog;
	int ifindex;
	unsigned int real_num_rx_queues;
	rx_handler_func_t *rx_handler;
	void *rx_handler_data;
	possible_net_t nd_net;
	char name[16];
	struct netdev_name_node *name_node;
	struct dev_ifalias *ifalias;
	struct list_head dev_list;
	struct list_head napi_list;
	struct {
		struct list_head upper;
		struct list_head lower;
	} adj_list;
	short unsigned int needed_tailroom;
	unsigned int min_mtu;
	unsigned int max_mtu;
	short unsigned int type;
	int group;
	struct net_device_stats stats;
	struct net_device_core_stats *core_stats;
	const struct ethtool_ops *ethtool_ops;
	const struct l3mdev_ops *l3mdev_ops;
	unsigned int operstate;
	unsigned char link_mode;
	unsigned char perm_addr[32];
	unsigned char addr_len;
	unsigned char upper_level;
	unsigned char lower_level;
	short unsigned int dev_id;
	short unsigned int dev_port;
	unsigned int promiscuity;
	unsigned int allmulti;
	struct in_device *ip_ptr;
	const unsigned char *dev_addr;
	unsigned int num_rx_queues;
	struct netdev_queue *ingress_queue;
	unsigned char broadcast[32];
	unsigned int num_tx_queues;
	struct Qdisc *qdisc;
	unsigned int tx_queue_len;
	int *pcpu_refcnt;
	u8 reg_state;
	struct device dev;
	const struct rtnl_link_ops *rtnl_link_ops;
	bool proto_down;
};

struct inet_sock {
	struct sock sk;
	struct ipv6_pinfo *pinet6;
	long unsigned int inet_flags;
	__be32 inet_saddr;
	__s16 uc_ttl;
	__be16 inet_sport;
	struct ip_options_rcu *inet_opt;
	atomic_t inet_id;
	__u8 tos;
	__u8 min_ttl;
	__u8 mc_ttl;
	__u8 pmtudisc;
	__u8 rcv_tos;
	int mc_index;
	__be32 mc_addr;
};

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct path path;
	struct mutex iolock;
	struct mutex bindlock;
	struct sock *peer;
	spinlock_t lock;
};

struct fastopen_queue {
	int max_qlen;
};

struct request_sock_queue {
	u8 rskq_defer_accept;
	atomic_t qlen;
	atomic_t young;
	struct request_sock *rskq_accept_head;
	struct request_sock *rskq_accept_tail;
	struct fastopen_queue fastopenq;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	struct inet_bind_bucket *icsk_bind_hash;
	long unsigned int icsk_timeout;
	struct timer_list icsk_retransmit_timer;
	struct timer_list icsk_delack_timer;
	__u32 icsk_rto;
	__u32 icsk_rto_min;
	__u32 icsk_delack_max;
	__u32 icsk_pmtu_cookie;
	const struct tcp_congestion_ops *icsk_ca_ops;
	const struct inet_connection_sock_af_ops *icsk_af_ops;
	const struct tcp_ulp_ops *icsk_ulp_ops;
	void *icsk_ulp_data;
	__u8 icsk_ca_state : 5;
	__u8 icsk_ca_initialized : 1;
	__u8 icsk_ca_setsockopt : 1;
	__u8 icsk_retransmits;
	__u8 icsk_pending;
	__u8 icsk_backoff;
	__u8 icsk_syn_retries;
	__u8 icsk_probes_out;
	__u16 icsk_ext_hdr_len;
	struct {
		__u8 pending;
		__u8 quick;
		__u8 pingpong;
		__u32 ato : 8;
	} icsk_ack;
	struct {
		int search_high;
		int search_low;
		u32 probe_size : 31;
		u32 enabled : 1;
		u32 probe_timestamp;
	} icsk_mtup;
	u32 icsk_user_timeout;
	u64 icsk_ca_priv[13];
};

struct minmax_sample {
	u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_options_received {
	int ts_recent_stamp;
	u32 ts_recent;
	u32 rcv_tsval;
	u32 rcv_tsecr;
	u16 saw_tstamp : 1;
	u16 tstamp_ok : 1;
	u16 dsack : 1;
	u16 wscale_ok : 1;
	u16 sack_ok : 3;
	u16 smc_ok : 1;
	u16 snd_wscale : 4;
	u16 rcv_wscale : 4;
	u8 saw_unknown : 1;
	u8 unused : 7;
	u8 num_sacks;
	u16 user_mss;
	u16 mss_clamp;
};

struct tcp_rack {
	u64 mstamp;
	u32 rtt_us;
	u32 end_seq;
	u32 last_delivered;
	u8 reo_wnd_steps;
	u8 reo_wnd_persist : 5;
	u8 dsack_seen : 1;
	u8 advanced : 1;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 max_window;
	u32 rcv_ssthresh;
	u32 reordering;
	u32 notsent_lowat;
	u16 gso_segs;
	struct sk_buff *lost_skb_hint;
	struct sk_buff *retransmit_skb_hint;
	u32 snd_wnd;
	u32 mss_cache;
	u32 snd_cwnd;
	u32 prr_out;
	u32 lost_out;
	u32 sacked_out;
	u8 is_cwnd_limited : 1;
	u32 copied_seq;
	u32 rcv_tstamp;
	u32 snd_wl1;
	u32 tlp_high_seq;
	u32 rttvar_us;
	u32 retrans_out;
	u16 advmss;
	u32 lost;
	struct minmax rtt_min;
	struct rb_root out_of_order_queue;
	u32 snd_ssthresh;
	u32 segs_out;
	u32 data_segs_out;
	u64 bytes_sent;
	u32 snd_sml;
	u32 write_seq;
	u32 pushed_seq;
	u32 lsndtime;
	u32 mdev_us;
	u32 rtt_seq;
	u8 ecn_flags;
	u8 nonagle : 4;
	u64 tcp_clock_cache;
	u64 tcp_mstamp;
	u32 rcv_nxt;
	u32 snd_nxt;
	u32 snd_una;
	u32 window_clamp;
	u32 srtt_us;
	u32 packets_out;
	u32 snd_up;
	u32 delivered;
	u32 delivered_ce;
	u32 app_limited;
	u32 rcv_wnd;
	struct tcp_options_received rx_opt;
	u64 bytes_received;
	u32 segs_in;
	u32 data_segs_in;
	u32 rcv_wup;
	u32 max_packets_out;
	u32 cwnd_usage_seq;
	u32 rate_delivered;
	u32 rate_interval_us;
	u64 first_tx_mstamp;
	u64 delivered_mstamp;
	u64 bytes_acked;
	struct {
		u32 rtt_us;
		u32 seq;
		u64 time;
	} rcv_rtt_est;
	struct {
		int space;
		u32 seq;
		u64 time;
	} rcvq_space;
	u32 dsack_dups;
	struct tcp_rack rack;
	u8 syn_data : 1;
	u8 syn_fastopen : 1;
	u8 keepalive_probes;
	u32 mdev_max_us;
	u32 reord_seen;
	u32 snd_cwnd_cnt;
	u32 snd_cwnd_clamp;
	u32 snd_cwnd_used;
	u32 snd_cwnd_stamp;
	u32 prior_cwnd;
	u32 prr_delivered;
	struct sk_buff *ooo_last_skb;
	u32 high_seq;
	u32 retrans_stamp;
	u32 undo_marker;
	int undo_retrans;
	u64 bytes_retrans;
	u32 total_retrans;
	u8 bpf_sock_ops_cb_flags;
	u32 rcv_ooopack;
	bool is_mptcp;
	struct tcp_fastopen_request *fastopen_req;
};

struct xdp_buff {
	void *data;
	void *data_end;
	void *data_meta;
	void *data_hard_start;
	struct xdp_rxq_info *rxq;
	struct xdp_txq_info *txq;
	u32 frame_sz;
	u32 flags;
};

struct xdp_mem_info {
	u32 type;
	u32 id;
};

struct xdp_rxq_info {
	struct net_device *dev;
	u32 queue_index;
	u32 reg_state;
	struct xdp_mem_info mem;
	unsigned int napi_id;
	u32 frag_size;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	u_int16_t l3num;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
			struct {
				__be16 port;
			} tcp;
			struct {
				__be16 port;
			} udp;
			struct {
				u_int8_t type;
				u_int8_t code;
			} icmp;
			struct {
				__be16 port;
			} sctp;
		} u;
		u_int8_t protonum;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct hlist_nulls_node hnnode;
	struct nf_conntrack_tuple tuple;
};

struct nf_conntrack {
	refcount_t use;
};

enum sctp_conntrack {
	SCTP_CONNTRACK_NONE,
	SCTP_CONNTRACK_CLOSED,
	SCTP_CONNTRACK_COOKIE_WAIT,
	SCTP_CONNTRACK_COOKIE_ECHOED,
	SCTP_CONNTRACK_ESTABLISHED,
	SCTP_CONNTRACK_SHUTDOWN_SENT,
	SCTP_CONNTRACK_SHUTDOWN_RECD,
	SCTP_CONNTRACK_SHUTDOWN_ACK_SENT,
	SCTP_CONNTRACK_HEARTBEAT_SENT,
	SCTP_CONNTRACK_HEARTBEAT_ACKED,
	SCTP_CONNTRACK_MAX,
};

struct ip_ct_sctp {
	enum sctp_conntrack state;
	__be32 vtag[2];
};

struct ip_ct_tcp {
	u_int8_t state;
};

union nf_conntrack_proto {
	struct ip_ct_sctp sctp;
	struct ip_ct_tcp tcp;
};

struct nf_conn {
	struct nf_conntrack ct_general;
	spinlock_t lock;
	u32 timeout;
	struct nf_conntrack_zone zone;
	struct nf_conntrack_tuple_hash tuplehash[2];
	long unsigned int status;
	possible_net_t ct_net;
	struct hlist_node nat_bysource;
	struct nf_conn *master;
	u_int32_t mark;
	u_int32_t secmark;
	struct nf_ct_ext *ext;
	union nf_conntrack_proto proto;
};

struct nf_conn___init {
	struct nf_conn ct;
};

struct unix_address {
	refcount_t refcnt;
	int len;
	struct sockaddr_un name[];
};

struct mmsghdr {
	struct user_msghdr msg_hdr;
	unsigned int msg_len;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
	struct iov_iter msg_iter;
	union {
		void *msg_control;
		void *msg_control_user;
	};
	bool msg_control_is_user : 1;
	bool msg_get_inq : 1;
	unsigned int msg_flags;
	__kernel_size_t msg_controllen;
	struct kiocb *msg_iocb;
};

enum skb_drop_reason {
	SKB_NOT_DROPPED_YET,
	SKB_CONSUMED,
	SKB_DROP_REASON_NOT_SPECIFIED,
	SKB_DROP_REASON_NO_SOCKET,
	SKB_DROP_REASON_SOCKET_CLOSE,
	SKB_DROP_REASON_SOCKET_FILTER,
	SKB_DROP_REASON_SOCKET_RCVBUFF,
	SKB_DROP_REASON_UNIX_SKIP_OOB,
	SKB_DROP_REASON_PKT_TOO_SMALL,
	SKB_DROP_REASON_TCP_CSUM,
	SKB_DROP_REASON_UDP_CSUM,
	SKB_DROP_REASON_NETFILTER_DROP,
	SKB_DROP_REASON_OTHERHOST,
	SKB_DROP_REASON_IP_CSUM,
	SKB_DROP_REASON_IP_INHDR,
	SKB_DROP_REASON_IP_RPFILTER,
	SKB_DROP_REASON_UNICAST_IN_L2_MULTICAST,
	SKB_DROP_REASON_XFRM_POLICY,
	SKB_DROP_REASON_IP_NOPROTO,
	SKB_DROP_REASON_PROTO_MEM,
	SKB_DROP_REASON_TCP_AUTH_HDR,
	SKB_DROP_REASON_TCP_MD5NOTFOUND,
	SKB_DROP_REASON_TCP_MD5UNEXPECTED,
	SKB_DROP_REASON_TCP_MD5FAILURE,
	SKB_DROP_REASON_TCP_AONOTFOUND,
	SKB_DROP_REASON_TCP_AOUNEXPECTED,
	SKB_DROP_REASON_TCP_AOKEYNOTFOUND,
	SKB_DROP_REASON_TCP_AOFAILURE,
	SKB_DROP_REASON_SOCKET_BACKLOG,
	SKB_DROP_REASON_TCP_FLAGS,
	SKB_DROP_REASON_TCP_ABORT_ON_DATA,
	SKB_DROP_REASON_TCP_ZEROWINDOW,
	SKB_DROP_REASON_TCP_OLD_DATA,
	SKB_DROP_REASON_TCP_OVERWINDOW,
	SKB_DROP_REASON_TCP_OFOMERGE,
	SKB_DROP_REASON_TCP_RFC7323_PAWS,
	SKB_DROP_REASON_TCP_OLD_SEQUENCE,
	SKB_DROP_REASON_TCP_INVALID_SEQUENCE,
	SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE,
	SKB_DROP_REASON_TCP_RESET,
	SKB_DROP_REASON_TCP_INVALID_SYN,
	SKB_DROP_REASON_TCP_CLOSE,
	SKB_DROP_REASON_TCP_FASTOPEN,
	SKB_DROP_REASON_TCP_OLD_ACK,
	SKB_DROP_REASON_TCP_TOO_OLD_ACK,
	SKB_DROP_REASON_TCP_ACK_UNSENT_DATA,
	SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE,
	SKB_DROP_REASON_TCP_OFO_DROP,
	SKB_DROP_REASON_IP_OUTNOROUTES,
	SKB_DROP_REASON_BPF_CGROUP_EGRESS,
	SKB_DROP_REASON_IPV6DISABLED,
	SKB_DROP_REASON_NEIGH_CREATEFAIL,
	SKB_DROP_REASON_NEIGH_FAILED,
	SKB_DROP_REASON_NEIGH_QUEUEFULL,
	SKB_DROP_REASON_NEIGH_DEAD,
	SKB_DROP_REASON_TC_EGRESS,
	SKB_DROP_REASON_SECURITY_HOOK,
	SKB_DROP_REASON_QDISC_DROP,
	SKB_DROP_REASON_CPU_BACKLOG,
	SKB_DROP_REASON_XDP,
	SKB_DROP_REASON_TC_INGRESS,
	SKB_DROP_REASON_UNHANDLED_PROTO,
	SKB_DROP_REASON_SKB_CSUM,
	SKB_DROP_REASON_SKB_GSO_SEG,
	SKB_DROP_REASON_SKB_UCOPY_FAULT,
	SKB_DROP_REASON_DEV_HDR,
	SKB_DROP_REASON_DEV_READY,
	SKB_DROP_REASON_FULL_RING,
	SKB_DROP_REASON_NOMEM,
	SKB_DROP_REASON_HDR_TRUNC,
	SKB_DROP_REASON_TAP_FILTER,
	SKB_DROP_REASON_TAP_TXFILTER,
	SKB_DROP_REASON_ICMP_CSUM,
	SKB_DROP_REASON_INVALID_PROTO,
	SKB_DROP_REASON_IP_INADDRERRORS,
	SKB_DROP_REASON_IP_INNOROUTES,
	SKB_DROP_REASON_PKT_TOO_BIG,
	SKB_DROP_REASON_DUP_FRAG,
	SKB_DROP_REASON_FRAG_REASM_TIMEOUT,
	SKB_DROP_REASON_FRAG_TOO_FAR,
	SKB_DROP_REASON_TCP_MINTTL,
	SKB_DROP_REASON_IPV6_BAD_EXTHDR,
	SKB_DROP_REASON_IPV6_NDISC_FRAG,
	SKB_DROP_REASON_IPV6_NDISC_HOP_LIMIT,
	SKB_DROP_REASON_IPV6_NDISC_BAD_CODE,
	SKB_DROP_REASON_IPV6_NDISC_BAD_OPTIONS,
	SKB_DROP_REASON_IPV6_NDISC_NS_OTHERHOST,
	SKB_DROP_REASON_QUEUE_PURGE,
	SKB_DROP_REASON_TC_COOKIE_ERROR,
	SKB_DROP_REASON_PACKET_SOCK_ERROR,
	SKB_DROP_REASON_TC_CHAIN_NOTFOUND,
	SKB_DROP_REASON_TC_RECLASSIFY_LOOP,
	SKB_DROP_REASON_VXLAN_INVALID_HDR,
	SKB_DROP_REASON_VXLAN_VNI_NOT_FOUND,
	SKB_DROP_REASON_MAC_INVALID_SOURCE,
	SKB_DROP_REASON_VXLAN_ENTRY_EXISTS,
	SKB_DROP_REASON_NO_TX_TARGET,
	SKB_DROP_REASON_IP_TUNNEL_ECN,
	SKB_DROP_REASON_TUNNEL_TXINFO,
	SKB_DROP_REASON_LOCAL_MAC,
	SKB_DROP_REASON_MAX,
	SKB_DROP_REASON_SUBSYS_MASK = 18446744073709486080ULL,
};

struct inet6_skb_parm {
	__u8 opaque[24];
};

struct ip_options {
	__u8 opaque[16];
};

struct inet_skb_parm {
	int iif;
	struct ip_options opt;
	u16 flags;
	u16 frag_max_size;
};

struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
	union {
		struct {
			u16 tcp_gso_segs;
			u16 tcp_gso_size;
		};
	};
	__u8 tcp_flags;
	__u8 sacked;
	__u8 ip_dsfield;
	__u8 txstamp_ack : 1;
	__u8 eor : 1;
	__u8 has_rxtstamp : 1;
	__u8 unused : 5;
	__u32 ack_seq;
	union {
		struct {
			__u32 is_app_limited : 1;
			__u32 delivered_ce : 20;
			__u32 unused : 11;
			__u32 delivered;
			u64 first_tx_mstamp;
			u64 delivered_mstamp;
		} tx;
		union {
			struct inet_skb_parm h4;
			struct inet6_skb_parm h6;
		} header;
	};
};

struct skb_ext {
	u8 offset[3];
};

struct xdp_cpumap_stats {
	unsigned int redirect;
	unsigned int pass;
	unsigned int drop;
};

struct nft_pktinfo {
	struct sk_buff *skb;
};

struct dp_upcall_info {
	u32 portid;
	u8 cmd;
};

struct flow_offload_tuple {
	union {
		struct in_addr src_v4;
		struct in6_addr src_v6;
	};
	union {
		struct in_addr dst_v4;
		struct in6_addr dst_v6;
	};
	struct {
		__be16 src_port;
		__be16 dst_port;
	};
	u8 dir : 2;
	u8 xmit_type : 3;
};

struct flow_offload_tuple_rhash {
	struct flow_offload_tuple tuple;
};

struct flow_offload {
	struct flow_offload_tuple_rhash tuplehash[2];
	long unsigned int flags;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct udp_sock {
	struct inet_sock inet;
	long unsigned int udp_flags;
	int pending;
	__u8 encap_type;
	__u16 len;
	int (*encap_rcv)(struct sock *, struct sk_buff *);
	struct sk_buff_head reader_queue;
	int forward_deficit;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	__u32 tw_mark;
	unsigned char tw_substate;
	unsigned char tw_rcv_wscale;
	__be16 tw_sport;
	unsigned int tw_tos : 8;
	struct timer_list tw_timer;
	struct inet_bind_bucket *tw_tb;
};

struct request_sock {
	struct sock_common __req_common;
	u16 mss;
	u8 num_retrans;
	u8 syncookie : 1;
	u8 num_timeout : 7;
	u32 ts_recent;
	struct timer_list rsk_timer;
	const struct request_sock_ops *rsk_ops;
	struct sock *sk;
	struct saved_syn *saved_syn;
	u32 timeout;
};

struct inet_request_sock {
	struct request_sock req;
	u16 snd_wscale : 4;
	u16 rcv_wscale : 4;
	u32 ir_mark;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
	u32 tw_rcv_wnd;
	u32 tw_ts_offset;
	u32 tw_ts_recent;
};

struct tcp_request_sock {
	struct inet_request_sock req;
	u64 snt_synack;
	u32 rcv_isn;
	u32 snt_isn;
	u32 ts_off;
	u32 last_oow_ack_time;
	u32 rcv_nxt;
	u8 syn_tos;
};

struct netlink_callback {
	const struct nlmsghdr *nlh;
};

struct netlink_sock {
	struct sock sk;
	long unsigned int flags;
	u32 portid;
	u32 dst_portid;
	u32 dst_group;
	u32 subscriptions;
	u32 ngroups;
	long unsigned int *groups;
	long unsigned int state;
	size_t max_recvmsg_len;
	bool cb_running;
	struct netlink_callback cb;
};

struct nft_chain {
	struct nft_table *table;
	u64 handle;
	char *name;
};

struct nft_base_chain {
	u8 policy;
	struct nft_chain chain;
};

struct sw_flow_id {
	u32 ufid_len;
	union {
		u32 ufid[4];
	};
};

struct sw_flow {
	struct sw_flow_id id;
	struct sw_flow_actions *sf_acts;
};

struct nft_table {
	u64 handle;
	char *name;
};

struct nft_rule_dp {
	u64 is_last : 1;
	u64 dlen : 12;
	u64 handle : 42;
};

struct psample_metadata {
	const u8 *user_cookie;
	u32 user_cookie_len;
};

struct skb_shared_hwtstamps {
	union {
		ktime_t hwtstamp;
		void *netdev_data;
	};
};

struct skb_shared_info {
	__u8 flags;
	__u8 meta_len;
	__u8 nr_frags;
	__u8 tx_flags;
	short unsigned int gso_size;
	short unsigned int gso_segs;
	struct sk_buff *frag_list;
	union {
		struct skb_shared_hwtstamps hwtstamps;
	};
	unsigned int gso_type;
	u32 tskey;
	atomic_t dataref;
	unsigned int xdp_frags_size;
	void *destructor_arg;
	skb_frag_t frags[17];
};

struct qdisc_skb_cb {
	struct {
		unsigned int pkt_len;
	};
	unsigned char data[20];
};

enum nft_trace_types {
	NFT_TRACETYPE_UNSPEC,
	NFT_TRACETYPE_POLICY,
	NFT_TRACETYPE_RETURN,
	NFT_TRACETYPE_RULE,
	__NFT_TRACETYPE_MAX,
};

struct nft_traceinfo {
	enum nft_trace_types type : 8;
	const struct nft_base_chain *basechain;
};

struct nf_conn_labels {
	long unsigned int bits[2];
};

struct netdev_queue {
	struct net_device *dev;
	struct Qdisc *qdisc;
	long unsigned int trans_start;
	long unsigned int state;
};

struct nft_verdict {
	u32 code;
	struct nft_chain *chain;
};

struct nft_rule {
	u64 handle : 42;
};

struct dst_entry {
	union {
		struct net_device *dev;
	};
	struct dst_ops *ops;
	long unsigned int _metrics;
	long unsigned int expires;
	short unsigned int flags;
	short int error;
	struct lwtunnel_state *lwtstate;
};

struct nf_ct_ext {
	u8 offset[10];
};

struct nft_rule_dp_last {
	const struct nft_chain *chain;
};

struct proto_accept_arg {
	int err;
};

struct psample_group {
	u32 group_num;
};

struct sw_flow_key {
	u32 recirc_id;
};

union tcp_word_hdr {
	__be32 words[5];
};

struct gnet_stats_queue {
	__u32 backlog;
};

struct qdisc_skb_head {
	__u32 qlen;
};

struct Qdisc {
	unsigned int flags;
	u32 limit;
	const struct Qdisc_ops *ops;
	u32 handle;
	u32 parent;
	struct netdev_queue *dev_queue;
	struct gnet_stats_basic_sync *cpu_bstats;
	struct qdisc_skb_head q;
	struct gnet_stats_queue qstats;
	long unsigned int state;
};

struct tcp6_sock {
	struct tcp_sock tcp;
	struct ipv6_pinfo inet6;
};

struct erspan_md2 {
	__be32 timestamp;
	__u8 hwid_upper : 2;
	__u8 dir : 1;
	__u8 hwid : 4;
};

struct erspan_metadata {
	int version;
	union {
		struct erspan_md2 md2;
	} u;
};

struct geneve_opt {
	__be16 opt_class;
	u8 type;
	u8 length : 5;
	u8 r3 : 1;
	u8 r2 : 1;
	u8 r1 : 1;
	u8 opt_data[];
};

struct fib_nh_common {
	struct net_device *nhc_dev;
	u8 nhc_gw_family;
	union {
		struct in6_addr ipv6;
	} nhc_gw;
};

struct fib6_nh {
	struct fib_nh_common nh_common;
};

struct rt6key {
	struct in6_addr addr;
	int plen;
};

struct fib6_info {
	struct fib6_table *fib6_table;
	refcount_t fib6_ref;
	struct rt6key fib6_dst;
	u32 fib6_flags;
	struct rt6key fib6_src;
	u32 fib6_metric;
	struct nexthop *nh;
	struct fib6_nh fib6_nh[];
};

struct inet_hashinfo {
	unsigned int lhash2_mask;
};

struct nexthop {
	union {
		struct nh_info *nh_info;
	};
};

struct xfrm_state {
	struct xfrm_replay_state_esn *replay_esn;
};

struct nh_info {
	union {
		struct fib6_nh fib6_nh;
	};
};

struct xsk_map {
	struct bpf_map map;
};

struct vxlan_metadata {
	u32 gbp;
};

struct ack_sample {
	u32 pkts_acked;
	s32 rtt_us;
	u32 in_flight;
};

struct nf_hook_state {
	u8 hook;
	u8 pf;
	struct net_device *in;
	struct net_device *out;
	struct sock *sk;
	struct net *net;
	int (*okfn)(struct net *, struct sock *, struct sk_buff *);
};

struct mptcp_sock {
	u32 token;
	struct sock *first;
	char ca_name[16];
};

struct rate_sample {
	u64 prior_mstamp;
	u32 prior_delivered;
	s32 delivered;
	long int interval_us;
	long int rtt_us;
	int losses;
	u32 acked_sacked;
	bool is_app_limited;
};

struct udp_table {
	unsigned int mask;
};

struct xfrm_replay_state_esn {
	__u32 replay_window;
};

struct proto_ops {
	int family;
	struct module *owner;
	int (*release)(struct socket *);
	int (*bind)(struct socket *, struct sockaddr *, int);
	int (*connect)(struct socket *, struct sockaddr *, int, int);
	int (*accept)(struct socket *, struct socket *, struct proto_accept_arg *);
	int (*listen)(struct socket *, int);
	int (*shutdown)(struct socket *, int);
	int (*setsockopt)(struct socket *, int, int, sockptr_t, unsigned int);
	int (*getsockopt)(struct socket *, int, int, char *, int *);
	int (*sendmsg)(struct socket *, struct msghdr *, size_t);
	int (*recvmsg)(struct socket *, struct msghdr *, size_t, int);
};

struct proto {
	struct kmem_cache *slab;
	unsigned int obj_size;
	struct module *owner;
	char name[32];
};

struct udp6_sock {
	struct udp_sock udp;
	struct ipv6_pinfo inet6;
};

struct raw_sock {
	struct inet_sock inet;
};

struct raw6_sock {
	struct inet_sock inet;
	struct ipv6_pinfo inet6;
};

struct packet_type {
	__be16 type;
	struct net_device *dev;
	int (*func)(struct sk_buff *, struct net_device *, struct packet_type *, struct net_device *);
};

struct tpacket_stats {
	unsigned int tp_packets;
	unsigned int tp_drops;
};

struct tpacket_stats_v3 {
	unsigned int tp_packets;
	unsigned int tp_drops;
	unsigned int tp_freeze_q_cnt;
};

union tpacket_stats_u {
	struct tpacket_stats stats1;
	struct tpacket_stats_v3 stats3;
};

struct packet_sock {
	struct sock sk;
	union tpacket_stats_u stats;
	int ifindex;
	__be16 num;
	struct packet_type prot_hook;
};

struct Qdisc_ops {
	const struct Qdisc_class_ops *cl_ops;
	char id[16];
	int priv_size;
	struct module *owner;
};

struct napi_struct {
	struct list_head poll_list;
	long unsigned int state;
	int weight;
	int (*poll)(struct napi_struct *, int);
	struct net_device *dev;
	unsigned int napi_id;
};

struct rtable {
	struct dst_entry dst;
	int rt_genid;
	unsigned int rt_flags;
	__u16 rt_type;
	__u8 rt_is_input;
	__u8 rt_uses_gateway;
	int rt_iif;
	u8 rt_gw_family;
	union {
		__be32 rt_gw4;
		struct in6_addr rt_gw6;
	};
};

struct rt6_info {
	struct dst_entry dst;
	struct fib6_info *from;
	struct rt6key rt6i_dst;
	struct rt6key rt6i_src;
	struct in6_addr rt6i_gateway;
	u32 rt6i_flags;
};

struct neighbour {
	struct neigh_table *tbl;
	struct neigh_parms *parms;
	refcount_t refcnt;
	u8 nud_state;
	u8 type;
	u8 dead;
	u32 flags;
	unsigned char ha[32];
	struct net_device *dev;
	u8 primary_key[];
};

struct fib_info {
	unsigned char fib_type;
	__be32 fib_prefsrc;
	int fib_nhs;
};

struct xdp_txq_info {
	struct net_device *dev;
};

struct xdp_frame {
	void *data;
	u16 len;
	u16 headroom;
	u32 metasize;
	struct xdp_mem_info mem;
	struct net_device *dev_rx;
	u32 frame_sz;
	u32 flags;
};

struct sk_psock {
	struct sock *sk;
	struct sock *sk_redir;
	u32 apply_bytes;
	u32 cork_bytes;
	u32 eval;
};

struct scatterlist {
	long unsigned int page_link;
	unsigned int offset;
	unsigned int length;
	dma_addr_t dma_address;
	unsigned int dma_length;
	unsigned int dma_flags;
};

struct sk_msg_sg {
	u32 start;
	u32 curr;
	u32 end;
	u32 size;
	u32 copybreak;
	long unsigned int copy[1];
	struct scatterlist data[19];
};

struct sk_msg {
	struct sk_msg_sg sg;
	void *data;
	void *data_end;
	u32 apply_bytes;
	u32 cork_bytes;
	u32 flags;
};

struct fib_table {
	u32 tb_id;
};

struct in_device {
	struct net_device *dev;
	struct in_ifaddr *ifa_list;
};

struct in_ifaddr {
	struct in_device *ifa_dev;
	__be32 ifa_local;
	__be32 ifa_address;
	__be32 ifa_mask;
	unsigned char ifa_prefixlen;
	char ifa_label[16];
};

struct inet6_dev {
	struct net_device *dev;
};

struct xdp_attachment_info {
	struct bpf_prog *prog;
	u32 flags;
};

struct net_protocol {
	int (*handler)(struct sk_buff *);
};

struct fib_result {
	__be32 prefix;
	unsigned char prefixlen;
	unsigned char type;
	unsigned char scope;
	u32 tclassid;
	struct fib_info *fi;
	struct fib_table *table;
};

struct flowi4 {
	__be32 saddr;
	__be32 daddr;
};

struct flowi6 {
	struct in6_addr daddr;
	struct in6_addr saddr;
};

enum tcp_ca_event {
	CA_EVENT_TX_START,
	CA_EVENT_CWND_RESTART,
	CA_EVENT_COMPLETE_CWR,
	CA_EVENT_LOSS,
	CA_EVENT_ECN_NO_CE,
	CA_EVENT_ECN_IS_CE,
};

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *);
	void (*cong_avoid)(struct sock *, u32, u32);
	void (*set_state)(struct sock *, u8);
	void (*cwnd_event)(struct sock *, enum tcp_ca_event);
	void (*in_ack_event)(struct sock *, u32);
	void (*pkts_acked)(struct sock *, const struct ack_sample *);
	u32 (*min_tso_segs)(struct sock *);
	void (*cong_control)(struct sock *, u32, int, const struct rate_sample *);
	u32 (*undo_cwnd)(struct sock *);
	u32 (*sndbuf_expand)(struct sock *);
	size_t (*get_info)(struct sock *, u32, int *, union tcp_cc_info *);
	char name[16];
	struct module *owner;
	struct list_head list;
	u32 key;
	u32 flags;
	void (*init)(struct sock *);
	void (*release)(struct sock *);
};

enum sk_rst_reason {
	SK_RST_REASON_NOT_SPECIFIED,
	SK_RST_REASON_NO_SOCKET,
	SK_RST_REASON_TCP_INVALID_ACK_SEQUENCE,
	SK_RST_REASON_TCP_RFC7323_PAWS,
	SK_RST_REASON_TCP_TOO_OLD_ACK,
	SK_RST_REASON_TCP_ACK_UNSENT_DATA,
	SK_RST_REASON_TCP_FLAGS,
	SK_RST_REASON_TCP_OLD_ACK,
	SK_RST_REASON_TCP_ABORT_ON_DATA,
	SK_RST_REASON_TCP_TIMEWAIT_SOCKET,
	SK_RST_REASON_INVALID_SYN,
	SK_RST_REASON_TCP_ABORT_ON_CLOSE,
	SK_RST_REASON_TCP_ABORT_ON_LINGER,
	SK_RST_REASON_TCP_ABORT_ON_MEMORY,
	SK_RST_REASON_TCP_STATE,
	SK_RST_REASON_TCP_KEEPALIVE_TIMEOUT,
	SK_RST_REASON_TCP_DISCONNECT_WITH_DATA,
	SK_RST_REASON_MPTCP_RST_EUNSPEC,
	SK_RST_REASON_MPTCP_RST_EMPTCP,
	SK_RST_REASON_MPTCP_RST_ERESOURCE,
	SK_RST_REASON_MPTCP_RST_EPROHIBIT,
	SK_RST_REASON_MPTCP_RST_EWQ2BIG,
	SK_RST_REASON_MPTCP_RST_EBADPERF,
	SK_RST_REASON_MPTCP_RST_EMIDDLEBOX,
	SK_RST_REASON_ERROR,
	SK_RST_REASON_MAX,
};

enum skb_ext_id {
	SKB_EXT_BRIDGE_NF,
	SKB_EXT_SEC_PATH,
	SKB_EXT_MPTCP,
	SKB_EXT_NUM,
};

enum nf_ct_ext_id {
	NF_CT_EXT_HELPER,
	NF_CT_EXT_NAT,
	NF_CT_EXT_SEQADJ,
	NF_CT_EXT_ACCT,
	NF_CT_EXT_ECACHE,
	NF_CT_EXT_TSTAMP,
	NF_CT_EXT_TIMEOUT,
	NF_CT_EXT_LABELS,
	NF_CT_EXT_SYNPROXY,
	NF_CT_EXT_ACT_CT,
	NF_CT_EXT_NUM,
};

enum sk_action {
	SK_DROP,
	SK_PASS,
};

enum tcp_ca_state {
	TCP_CA_Open,
	TCP_CA_Disorder,
	TCP_CA_CWR,
	TCP_CA_Recovery,
	TCP_CA_Loss,
};

enum sock_type {
	SOCK_STREAM = 1,
	SOCK_DGRAM,
	SOCK_RAW,
	SOCK_RDM,
	SOCK_SEQPACKET,
	SOCK_DCCP,
	SOCK_PACKET = 10,
};

enum sock_flags {
	SOCK_DEAD,
	SOCK_DONE,
	SOCK_URGINLINE,
	SOCK_KEEPOPEN,
	SOCK_LINGER,
	SOCK_DESTROY,
	SOCK_BROADCAST,
	SOCK_TIMESTAMP,
	SOCK_ZAPPED,
	SOCK_USE_WRITE_QUEUE,
	SOCK_DBG,
	SOCK_RCVTSTAMP,
	SOCK_RCVTSTAMPNS,
	SOCK_LOCALROUTE,
	SOCK_MEMALLOC,
	SOCK_TIMESTAMPING_RX_SOFTWARE,
	SOCK_FASYNC,
	SOCK_RXQ_OVFL,
	SOCK_ZEROCOPY,
	SOCK_WIFI_STATUS,
	SOCK_NOFCS,
	SOCK_FILTER_LOCKED,
	SOCK_SELECT_ERR_QUEUE,
	SOCK_RCU_FREE,
	SOCK_TXTIME,
	SOCK_XDP,
	SOCK_TSTAMP_NEW,
	SOCK_RCVMARK,
};

enum nf_inet_hooks {
	NF_INET_PRE_ROUTING,
	NF_INET_LOCAL_IN,
	NF_INET_FORWARD,
	NF_INET_LOCAL_OUT,
	NF_INET_POST_ROUTING,
	NF_INET_NUMHOOKS,
	NF_INET_INGRESS = 5,
};

enum skb_tstamp_type {
	SKB_CLOCK_REALTIME,
	SKB_CLOCK_MONOTONIC,
	SKB_CLOCK_TAI,
	__SKB_CLOCK_MAX = 2,
};

enum netkit_action {
	NETKIT_NEXT = -1,
	NETKIT_PASS,
	NETKIT_DROP = 2,
	NETKIT_REDIRECT = 7,
};

enum tcp_tw_status {
	TCP_TW_SUCCESS,
	TCP_TW_RST,
	TCP_TW_ACK,
	TCP_TW_SYN,
};

enum tcp_synack_type {
	TCP_SYNACK_NORMAL,
	TCP_SYNACK_FASTOPEN,
	TCP_SYNACK_COOKIE,
};

enum nf_nat_manip_type {
	NF_NAT_MANIP_SRC,
	NF_NAT_MANIP_DST,
};

enum xdp_rss_hash_type {
	XDP_RSS_L3_IPV4 = 1,
	XDP_RSS_L3_IPV6,
	XDP_RSS_L3_DYNHDR = 4,
	XDP_RSS_L4 = 8,
	XDP_RSS_L4_TCP = 16,
	XDP_RSS_L4_UDP = 32,
	XDP_RSS_L4_SCTP = 64,
	XDP_RSS_L4_IPSEC = 128,
	XDP_RSS_L4_ICMP = 256,
	XDP_RSS_TYPE_NONE = 0,
	XDP_RSS_TYPE_L2 = 0,
	XDP_RSS_TYPE_L3_IPV4,
	XDP_RSS_TYPE_L3_IPV6,
	XDP_RSS_TYPE_L3_IPV4_OPT = 5,
	XDP_RSS_TYPE_L3_IPV6_EX,
	XDP_RSS_TYPE_L4_ANY = 8,
	XDP_RSS_TYPE_L4_IPV4_TCP = 25,
	XDP_RSS_TYPE_L4_IPV4_UDP = 41,
	XDP_RSS_TYPE_L4_IPV4_SCTP = 73,
	XDP_RSS_TYPE_L4_IPV4_IPSEC = 137,
	XDP_RSS_TYPE_L4_IPV4_ICMP = 265,
	XDP_RSS_TYPE_L4_IPV6_TCP = 26,
	XDP_RSS_TYPE_L4_IPV6_UDP = 42,
	XDP_RSS_TYPE_L4_IPV6_SCTP = 74,
	XDP_RSS_TYPE_L4_IPV6_IPSEC = 138,
	XDP_RSS_TYPE_L4_IPV6_ICMP = 266,
	XDP_RSS_TYPE_L4_IPV6_TCP_EX = 30,
	XDP_RSS_TYPE_L4_IPV6_UDP_EX = 46,
	XDP_RSS_TYPE_L4_IPV6_SCTP_EX = 78,
};
