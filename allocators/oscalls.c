#include "allocators/oscalls.h"

#include "allocators/os_pages.h"
#include "allocators/sanitizer.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* --- the two machines ------------------------------------------------------------------------ */

/* A call to the kernel as it stands in registers. */
struct call {
    long number;
    long args[6];
};

/* make_call: makes a call; *next is the address behind the instruction that does, which is how the
 * filter knows it. There must be one such instruction, so it is only called through `gate`. */
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64

__attribute__((noinline)) static long make_call(const struct call *call, uintptr_t *next)
{
    register long r10 __asm__("r10") = call->args[3];
    register long r8 __asm__("r8") = call->args[4];
    register long r9 __asm__("r9") = call->args[5];
    long result;
    __asm__ volatile("syscall\n"
                     "1:\tleaq 1b(%%rip), %%rcx"
                     : "=a"(result), "=&c"(*next)
                     : "a"(call->number), "D"(call->args[0]), "S"(call->args[1]),
                       "d"(call->args[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "r11", "memory");
    return result;
}

static void read_registers(const ucontext_t *at, struct call *out)
{
    const greg_t *regs = at->uc_mcontext.gregs;
    *out = (struct call){
        regs[REG_RAX],
        {regs[REG_RDI], regs[REG_RSI], regs[REG_RDX], regs[REG_R10], regs[REG_R8], regs[REG_R9]}};
}

static void write_result(ucontext_t *at, long result)
{
    at->uc_mcontext.gregs[REG_RAX] = result;
}
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64

__attribute__((noinline)) static long make_call(const struct call *call, uintptr_t *next)
{
    register long x8 __asm__("x8") = call->number;
    register long x0 __asm__("x0") = call->args[0];
    register long x1 __asm__("x1") = call->args[1];
    register long x2 __asm__("x2") = call->args[2];
    register long x3 __asm__("x3") = call->args[3];
    register long x4 __asm__("x4") = call->args[4];
    register long x5 __asm__("x5") = call->args[5];
    uintptr_t behind;
    __asm__ volatile("svc #0\n"
                     "1:\tadr %[behind], 1b"
                     : "+r"(x0), [behind] "=&r"(behind)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    *next = behind;
    return x0;
}

static void read_registers(const ucontext_t *at, struct call *out)
{
    const unsigned long long *regs = at->uc_mcontext.regs;
    out->number = (long)regs[8];
    for (int i = 0; i < 6; i++) {
        out->args[i] = (long)regs[i];
    }
}

static void write_result(ucontext_t *at, long result)
{
    at->uc_mcontext.regs[0] = (unsigned long long)result;
}
#endif

/* --- what is done with a call ----------------------------------------------------------------- */

#define KIND_COUNT 6

static struct {
    bool is_installed;
    atomic_uint calls; /* enum pab_oscall that are counted now; 0: all pass */
    atomic_uint_fast64_t first, count, period;
    atomic_uint_fast64_t seen, failed;
    atomic_uint kinds; /* of those that failed */

    _Atomic(const volatile uint64_t *) requests; /* of the plan */
    atomic_uint_fast64_t request, request_calls; /* the last one seen; calls made during it */

    atomic_uint_fast64_t made[KIND_COUNT]; /* since install() */
    atomic_uint_fast64_t mapped, unmapped, released;
    atomic_uintptr_t heap_end; /* as brk gave it last */
} state;

/* The compiler cannot know what it points to, so it can make no second copy of make_call(). */
static long (*volatile gate)(const struct call *call, uintptr_t *next) = make_call;

static long pass_on(const struct call *call)
{
    uintptr_t next;
    return gate(call, &next);
}

static unsigned kind_of(const struct call *call)
{
    switch (call->number) {
    case SYS_mmap:
        return PAB_OSCALL_MMAP;
    case SYS_munmap:
        return PAB_OSCALL_MUNMAP;
    case SYS_mremap:
        return PAB_OSCALL_MREMAP;
    case SYS_mprotect:
        return PAB_OSCALL_MPROTECT;
    case SYS_madvise:
        return PAB_OSCALL_MADVISE;
    case SYS_brk: /* brk(0) only asks where the break is */
        return call->args[0] == 0 ? 0 : PAB_OSCALL_BRK;
    default:
        return 0;
    }
}

/* Some allocators, refused one kind of call, make another one, and begin again. */
static void expect_end_of_request(void)
{
    const volatile uint64_t *requests = atomic_load(&state.requests);
    if (requests == NULL || atomic_load(&state.calls) == 0) {
        return;
    }
    uint64_t now = *requests;
    if (atomic_exchange(&state.request, now) != now) {
        atomic_store(&state.request_calls, 0);
    }
    if (atomic_fetch_add(&state.request_calls, 1) >= PAB_OSCALLS_MOST) {
        _exit(PAB_OSCALLS_ENDLESS);
    }
}

/* Counts a call, and says whether it is one of those that are to fail. */
static bool is_planned(unsigned kind)
{
    if ((kind & atomic_load(&state.calls)) == 0) {
        return false;
    }
    uint64_t number = atomic_fetch_add(&state.seen, 1) + 1;
    uint64_t first = atomic_load(&state.first);
    uint64_t count = atomic_load(&state.count);
    uint64_t period = atomic_load(&state.period);
    if (first == 0 || number < first) {
        return false;
    }
    bool fails =
        period != 0 ? (number - first) % period == 0 : count == 0 || number - first < count;
    if (fails) {
        atomic_fetch_add(&state.failed, 1);
        atomic_fetch_or(&state.kinds, kind);
    }
    return fails;
}

/* The kernel's answer is an error; brk's never is. */
static bool is_error(long result)
{
    return (unsigned long)result > -4096UL;
}

static uint64_t whole_pages(unsigned long bytes)
{
    size_t page = pab_pages_size();
    return (bytes + page - 1) & ~(page - 1);
}

static void count_growth(uint64_t before, uint64_t after)
{
    if (after > before) {
        atomic_fetch_add(&state.mapped, after - before);
    } else {
        atomic_fetch_add(&state.unmapped, before - after);
    }
}

static void count_bytes(const struct call *call, long result)
{
    const unsigned long *args = (const unsigned long *)call->args;
    switch (call->number) {
    case SYS_mmap:
        atomic_fetch_add(&state.mapped, whole_pages(args[1]));
        break;
    case SYS_munmap:
        atomic_fetch_add(&state.unmapped, whole_pages(args[1]));
        break;
    case SYS_mremap:
        count_growth(whole_pages(args[1]), whole_pages(args[2]));
        break;
    case SYS_madvise:
        if (args[2] == MADV_DONTNEED || args[2] == MADV_FREE) {
            atomic_fetch_add(&state.released, whole_pages(args[1]));
        }
        break;
    case SYS_brk: {
        uintptr_t now = whole_pages((unsigned long)result);
        count_growth(atomic_exchange(&state.heap_end, now), now);
        break;
    }
    default:
        break;
    }
}

static void count_call(const struct call *call, unsigned kind, long result)
{
    if (kind != 0) {
        atomic_fetch_add(&state.made[__builtin_ctz(kind)], 1);
        if (!is_error(result)) {
            count_bytes(call, result);
        }
    }
}

/* What the kernel would answer: brk has no error, it leaves the break where it was. */
static long refuse(const struct call *call)
{
    return call->number == SYS_brk ? pass_on(&(struct call){.number = SYS_brk}) : -ENOMEM;
}

/* A trapped call of a thread that blocks SIGSYS ends the process, and glibc blocks every signal
 * while a thread ends, where it calls madvise. So SIGSYS never gets into a mask: changes are made
 * in the one that is put back when the handler returns. */
static long change_mask(ucontext_t *at, const struct call *call)
{
    const uint64_t never = UINT64_C(1) << (SIGSYS - 1);
    uint64_t mask;
    uint64_t change = 0;
    memcpy(&mask, &at->uc_sigmask, sizeof(mask));
    uint64_t before = mask;
    const void *set = (const void *)call->args[1];
    if (call->args[3] != sizeof(mask)) {
        return -EINVAL;
    }
    if (set != NULL) {
        memcpy(&change, set, sizeof(change));
        switch (call->args[0]) {
        case SIG_BLOCK:
            mask |= change;
            break;
        case SIG_UNBLOCK:
            mask &= ~change;
            break;
        case SIG_SETMASK:
            mask = change;
            break;
        default:
            return -EINVAL;
        }
        mask &= ~never;
        memcpy(&at->uc_sigmask, &mask, sizeof(mask));
    }
    if (call->args[2] != 0) {
        memcpy((void *)call->args[2], &before, sizeof(before));
    }
    return 0;
}

#define BY_SECCOMP 1 /* si_code: SYS_SECCOMP, which glibc's headers lack */

static void on_trap(int number, siginfo_t *info, void *context)
{
    if (info->si_code != BY_SECCOMP) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    int saved_errno = errno;
    ucontext_t *at = context;
    struct call call;
    read_registers(at, &call);
    if (call.number == SYS_rt_sigprocmask) {
        write_result(at, change_mask(at, &call));
    } else {
        expect_end_of_request();
        unsigned kind = kind_of(&call);
        long result = is_planned(kind) ? refuse(&call) : pass_on(&call);
        count_call(&call, kind, result);
        write_result(at, result);
    }
    errno = saved_errno;
}

/* --- the filter -------------------------------------------------------------------------------- */

#define FIELD(name)         (uint32_t) offsetof(struct seccomp_data, name)
#define LOAD(offset)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(value)       BPF_STMT(BPF_RET | BPF_K, value)
#define IF_IS(value, skip)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0)
#define IF_NOT(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

/* The two halves of seccomp_data.instruction_pointer: both machines are little-endian. */
static bool load_filter(uintptr_t passed)
{
    struct sock_filter program[] = {
        LOAD(FIELD(arch)),
        IF_NOT(ARCHITECTURE, 13),
        LOAD(FIELD(nr)),
        IF_IS(SYS_mmap, 6),
        IF_IS(SYS_munmap, 5),
        IF_IS(SYS_mremap, 4),
        IF_IS(SYS_mprotect, 3),
        IF_IS(SYS_madvise, 2),
        IF_IS(SYS_brk, 1),
        IF_NOT(SYS_rt_sigprocmask, 5),
        LOAD(FIELD(instruction_pointer)),
        IF_NOT((uint32_t)passed, 2),
        LOAD(FIELD(instruction_pointer) + 4),
        IF_IS((uint32_t)(passed >> 32), 1),
        RETURN(SECCOMP_RET_TRAP),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* Whether a planned failure reaches the caller, and only that one. */
static bool is_working(void)
{
    struct pab_oscalls_seen seen;
    pab_oscalls_fail(&(struct pab_oscalls_plan){.calls = PAB_OSCALL_MMAP, .first = 1, .count = 1});
    void *refused = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool is_refused = refused == MAP_FAILED && errno == ENOMEM;
    void *granted = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pab_oscalls_stop(&seen);
    bool is_granted = granted != MAP_FAILED && munmap(granted, 1) == 0;
    return is_refused && is_granted && seen.calls == 2 && seen.failed == 1;
}

/* No thread runs that is watched but this one. */
static void forget_counts(void)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        atomic_store(&state.made[i], 0);
    }
    atomic_store(&state.mapped, 0);
    atomic_store(&state.unmapped, 0);
    atomic_store(&state.released, 0);
    long heap_end = pass_on(&(struct call){.number = SYS_brk});
    atomic_store(&state.heap_end, whole_pages((unsigned long)heap_end));
}

bool pab_oscalls_install(char *why, size_t size)
{
    if (state.is_installed) {
        return true;
    }
    if (pab_sanitizer_runs()) {
        snprintf(why, size, "a sanitizer's own calls to the kernel would fail, too");
        return false;
    }
    struct sigaction action = {.sa_sigaction = on_trap, /* others may trap while it runs */
                               .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    struct sigaction before;
    sigset_t only;
    sigemptyset(&action.sa_mask);
    sigemptyset(&only);
    sigaddset(&only, SIGSYS);
    uintptr_t passed = 0;
    gate(&(struct call){.number = SYS_getpid}, &passed);
    bool is_ready =
        sigaction(SIGSYS, &action, &before) == 0 && sigprocmask(SIG_UNBLOCK, &only, NULL) == 0;
    if (!is_ready || !load_filter(passed)) {
        snprintf(why, size, "no seccomp filter can be had here: %s", strerror(errno));
        sigaction(SIGSYS, &before, NULL);
        return false;
    }
    state.is_installed = is_working();
    if (!state.is_installed) {
        snprintf(why, size, "a seccomp filter is in place, but calls do not fail as planned");
    }
    forget_counts();
    return state.is_installed;
}

void pab_oscalls_fail(const struct pab_oscalls_plan *plan)
{
    atomic_store(&state.calls, 0);
    atomic_store(&state.first, plan->first);
    atomic_store(&state.count, plan->count);
    atomic_store(&state.period, plan->period);
    atomic_store(&state.seen, 0);
    atomic_store(&state.failed, 0);
    atomic_store(&state.kinds, 0);
    atomic_store(&state.requests, plan->requests);
    atomic_store(&state.request_calls, 0);
    atomic_store(&state.calls, plan->calls);
}

void pab_oscalls_stop(struct pab_oscalls_seen *seen)
{
    atomic_store(&state.calls, 0);
    *seen = (struct pab_oscalls_seen){atomic_load(&state.seen), atomic_load(&state.failed),
                                      atomic_load(&state.kinds)};
}

void pab_oscalls_count(struct pab_oscalls_counts *out)
{
    static_assert(PAB_OSCALL_ALL == (1u << KIND_COUNT) - 1, "a count for each kind");
    *out = (struct pab_oscalls_counts){
        .mmap = atomic_load(&state.made[0]),
        .munmap = atomic_load(&state.made[1]),
        .mremap = atomic_load(&state.made[2]),
        .mprotect = atomic_load(&state.made[3]),
        .madvise = atomic_load(&state.made[4]),
        .brk = atomic_load(&state.made[5]),
        .mapped_bytes = atomic_load(&state.mapped),
        .unmapped_bytes = atomic_load(&state.unmapped),
        .released_bytes = atomic_load(&state.released),
    };
}

void pab_oscalls_name(unsigned kinds, char *out, size_t size)
{
    static const char *const names[] = {"mmap", "munmap", "mremap", "mprotect", "madvise", "brk"};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && used < size; i++) {
        if ((kinds >> i & 1) != 0) {
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", used == 0 ? "" : "/", names[i]);
        }
    }
}
