/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Block devices: disks, queues, requests. Part of vmlinux.h, which see. */

struct kobject {
	const char *name;
	struct list_head entry;
	struct kobject *parent;
	struct kset *kset;
	const struct kobj_type *ktype;
	struct kernfs_node *sd;
	struct kref kref;
};

struct device {
	struct kobject kobj;
	struct device *parent;
	const char *init_name;
	const struct device_type *type;
	const struct bus_type *bus;
	struct device_driver *driver;
	void *platform_data;
	void *driver_data;
	dev_t devt;
	u32 id;
	const struct class *class;
};

struct gendisk {
	int major;
	int first_minor;
	int minors;
	char disk_name[32];
	short unsigned int events;
	struct xarray part_tbl;
	struct block_device *part0;
	const struct block_device_operations *fops;
	struct request_queue *queue;
	void *private_data;
	int flags;
	long unsigned int state;
	struct kobject *slave_dir;
	u64 diskseq;
};

enum mq_rq_state {
	MQ_RQ_IDLE,
	MQ_RQ_IN_FLIGHT,
	MQ_RQ_COMPLETE,
};

struct request {
	struct request_queue *q;
	struct blk_mq_ctx *mq_ctx;
	struct blk_mq_hw_ctx *mq_hctx;
	blk_opf_t cmd_flags;
	req_flags_t rq_flags;
	int tag;
	int internal_tag;
	unsigned int timeout;
	unsigned int __data_len;
	sector_t __sector;
	struct bio *bio;
	struct bio *biotail;
	union {
		struct list_head queuelist;
	};
	struct block_device *part;
	u64 alloc_time_ns;
	u64 start_time_ns;
	u64 io_start_time_ns;
	short unsigned int stats_sectors;
	short unsigned int nr_phys_segments;
	enum mq_rq_state state;
	atomic_t ref;
	long unsigned int deadline;
	u64 fifo_time;
	rq_end_io_fn *end_io;
	void *end_io_data;
};

struct queue_limits {
	__u8 opaque[168];
};

struct request_queue {
	void *queuedata;
	struct elevator_queue *elevator;
	const struct blk_mq_ops *mq_ops;
	long unsigned int queue_flags;
	unsigned int nr_hw_queues;
	struct gendisk *disk;
	struct queue_limits limits;
	struct blk_queue_stats *stats;
	int id;
	long unsigned int nr_requests;
	int node;
};

struct bio_issue {
	u64 value;
};

struct bvec_iter {
	sector_t bi_sector;
	unsigned int bi_size;
	unsigned int bi_idx;
	unsigned int bi_bvec_done;
};

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	blk_opf_t bi_opf;
	short unsigned int bi_flags;
	short unsigned int bi_ioprio;
	blk_status_t bi_status;
	struct bvec_iter bi_iter;
	bio_end_io_t *bi_end_io;
	void *bi_private;
	struct blkcg_gq *bi_blkg;
	struct bio_issue bi_issue;
	short unsigned int bi_vcnt;
	short unsigned int bi_max_vecs;
	struct bio_vec *bi_io_vec;
	struct bio_set *bi_pool;
};

struct block_device {
	sector_t bd_start_sect;
	sector_t bd_nr_sectors;
	struct gendisk *bd_disk;
	struct request_queue *bd_queue;
	struct disk_stats *bd_stats;
	long unsigned int bd_stamp;
	dev_t bd_dev;
	struct address_space *bd_mapping;
	atomic_t bd_openers;
	void *bd_holder;
	struct kobject *bd_holder_dir;
	struct partition_meta_info *bd_meta_info;
	struct device bd_device;
};

struct blk_plug {
	short unsigned int rq_count;
};

enum bio_merge_status {
	BIO_MERGE_OK,
	BIO_MERGE_NONE,
	BIO_MERGE_FAILED,
};
