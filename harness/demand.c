#include "allocators/decorate/counting.h"
#include "harness/pass.h"
#include "harness/room.h"
#include "harness/self.h"

#include <string.h>

#define FIRST_TICK_CALLS 16

/* The demand curve as it grows: a point every `tick_calls` calls. When the places run out, every
 * second point goes and the distance doubles: between 256 and 512 points in the end, at calls
 * that are multiples of one number, which the memory pass can hit again. */
static struct {
    struct pab_counting counting;
    struct pab_curve_point points[PAB_CURVE_MAX];
    size_t count;
    uint64_t began_ns, tick_calls;
    uint64_t room_bytes; /* when the body began */
    uint64_t phase_live_bytes[PAB_PHASE_COUNT];
} demand;

static void record_point(void *arg, uint64_t calls, uint64_t live_bytes);

static void tick_every(uint64_t calls)
{
    demand.tick_calls = calls;
    pab_counting_set_tick(&demand.counting, calls, record_point, NULL);
}

static void thin_out(void)
{
    for (size_t i = 0; i < demand.count / 2; i++) {
        demand.points[i] = demand.points[2 * i + 1];
    }
    demand.count /= 2;
    tick_every(2 * demand.tick_calls);
}

static void refuse_more(void)
{
    struct pab_error err;
    pab_fail(&err, PAB_NO_MEMORY,
             "it has %.1f GiB of blocks live and wants more, but %.1f GiB is all that was free "
             "here, for them and for what counts them; give it smaller parameters (-p), or free "
             "memory",
             (double)demand.counting.counts.live_bytes / 0x1p30,
             (double)demand.room_bytes / 0x1p30);
    pab_worker_refuse("oom", &err);
}

/* A machine that starts to swap, or to kill, is no place to count on: an eighth of what was free has
 * to stay. What accounting takes itself is part of what is gone. */
static void expect_room(uint64_t live_bytes)
{
    if (live_bytes > PAB_ROOM_SMALL_BYTES && pab_room_left_bytes() < demand.room_bytes / 8) {
        refuse_more();
    }
}

static void record_point(void *arg, uint64_t calls, uint64_t live_bytes)
{
    (void)arg;
    expect_room(live_bytes);
    demand.points[demand.count++] = (struct pab_curve_point){
        .calls = calls, .t_ns = pab_wall_ns() - demand.began_ns, .bytes = live_bytes};
    if (demand.count == PAB_CURVE_MAX) {
        thin_out(); /* now, at an even multiple of the old distance */
    }
}

static void record_phase(struct pab_run *run, enum pab_phase phase)
{
    (void)run;
    demand.phase_live_bytes[phase] = demand.counting.counts.live_bytes;
}

static uint64_t domain_calls(const struct pab_counts *counts, int domain)
{
    uint64_t sum = 0;
    for (int call = 0; call < PAB_CALL_COUNT; call++) {
        sum += counts->calls[domain][call];
    }
    return sum;
}

void pab_measure_demand(const struct pab_workload *workload, struct pab_run *run)
{
    struct pab_error err;
    struct pab_counting *counting = &demand.counting;
    if (pab_counting_attach(counting, run->heap, &err) != PAB_OK) {
        pab_worker_refuse("internal", &err);
    }
    run->on_phase = record_phase;
    tick_every(FIRST_TICK_CALLS);
    pab_counting_on_full(counting, refuse_more);
    demand.room_bytes = pab_room_left_bytes();
    demand.began_ns = pab_wall_ns();
    workload->body(run);
    const struct pab_counts *counts = &counting->counts;
    record_point(NULL, counts->calls_total, counts->live_bytes); /* how it ends */
    struct pab_demand out = {
        .calls = counts->calls_total,
        .peak_live_bytes = counts->peak_bytes,
        .peak_blocks = counts->peak_blocks,
        .peak_calls = counts->peak_calls,
        .end_blocks = counts->live_blocks,
        .request_hash = counts->hash,
        .checksum = run->checksum,
        .op_count = run->op_count,
        .tick_calls = demand.tick_calls,
        .sizes = counts->sizes,
    };
    for (int domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        out.domain_calls[domain] = domain_calls(counts, domain);
    }
    memcpy(out.phase_live_bytes, demand.phase_live_bytes, sizeof(out.phase_live_bytes));
    pab_counting_detach(counting);
    pab_worker_send(PAB_MESSAGE_DEMAND, &out, sizeof(out));
    pab_worker_send(PAB_MESSAGE_CURVE, demand.points, demand.count * sizeof(demand.points[0]));
}
