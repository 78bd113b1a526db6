/* The preload library of `app`: it looks, and changes nothing that the program does. */
#include "harness/app/witness.h"

#include "harness/preload/interpreter.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    struct pab_witness *file; /* NULL: nobody asks */
    struct pab_witness_process *own;
    struct pab_witness_process found; /* what is the same in a child of fork() */
    struct pab_interpreter python;
    bool is_python;
    uint32_t python_at_finalize; /* enum pab_witness_python; NO_PYTHON: nobody asked then */
} witness;

/* --- at the beginning ------------------------------------------------------------------------- */

static struct pab_witness *map_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    struct stat status; /* to look past the end of a shorter file would be a SIGBUS */
    void *start = MAP_FAILED;
    if (fstat(fd, &status) == 0 && (uint64_t)status.st_size >= sizeof(struct pab_witness)) {
        start = mmap(NULL, sizeof(struct pab_witness), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (start == MAP_FAILED) {
        return NULL;
    }
    struct pab_witness *file = start;
    return file->format == PAB_WITNESS_FORMAT ? file : NULL;
}

/* The malloc that every object of this process is bound to. A program that is not
 * position-independent and takes the address of malloc has a jump of its own under that name: no
 * definition, so the next object's is meant. We stand before what is preloaded with us. */
static const void *bound_malloc(void)
{
    Dl_info where;
    void *symbol = NULL;
    const void *at = dlsym(RTLD_DEFAULT, "malloc");
    if (at != NULL && dladdr1(at, &where, &symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL &&
        ((const Elf64_Sym *)symbol)->st_shndx == SHN_UNDEF) {
        return dlsym(RTLD_NEXT, "malloc");
    }
    return at;
}

static void find_malloc(struct pab_witness_process *out)
{
    Dl_info where;
    struct stat status;
    const void *at = bound_malloc();
    if (at == NULL || dladdr(at, &where) == 0 || where.dli_fname == NULL) {
        return;
    }
    strncpy(out->malloc_path, where.dli_fname, sizeof(out->malloc_path) - 1);
    if (stat(where.dli_fname, &status) == 0) {
        out->malloc_inode = status.st_ino;
        out->malloc_device = status.st_dev;
    }
}

static void take_place(void)
{
    uint32_t place = atomic_fetch_add(&witness.file->count, 1);
    witness.own = NULL;
    if (place < PAB_WITNESS_PROCESSES) {
        witness.own = &witness.file->processes[place];
        *witness.own = witness.found;
        witness.own->pid = getpid();
        atomic_store(&witness.own->state, PAB_WITNESS_BEGUN);
    }
}

static void after_fork_child(void)
{
    take_place();
}

/* --- at the end ------------------------------------------------------------------------------- */

/* Without stdio: the program may have run out of memory, or ended within malloc. */
static uint64_t read_peak_bytes(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, "VmHWM:");
    return line == NULL ? 0 : strtoull(line + strlen("VmHWM:"), NULL, 10) * 1024;
}

static uint32_t ask_python(void)
{
    struct pab_python_alloc raw = {0};
    struct pab_python_alloc obj = {0};
    if (!witness.is_python) {
        return PAB_WITNESS_NO_PYTHON;
    }
    if (witness.python.get_allocator == NULL) {
        return PAB_WITNESS_POOLS; /* before 3.4 there was no way to have anything else */
    }
    witness.python.get_allocator(PAB_PYTHON_RAW, &raw);
    witness.python.get_allocator(PAB_PYTHON_OBJ, &obj);
    return raw.malloc == obj.malloc ? PAB_WITNESS_MALLOC : PAB_WITNESS_POOLS;
}

/* Py_AtExit. */
static void ask_at_finalize(void)
{
    witness.python_at_finalize = ask_python();
}

/* 3.6 puts malloc in for its last frees, after it was finalized. It alone lets us be called before
 * that without being initialized: its list is no part of an interpreter. */
static void expect_finalize(void)
{
    int (*at_exit)(void (*)(void)) = NULL;
    *(void **)&at_exit = dlsym(RTLD_DEFAULT, "Py_AtExit");
    if (witness.is_python && witness.python.major == 3 && witness.python.minor == 6 &&
        at_exit != NULL) {
        (void)at_exit(ask_at_finalize);
    }
}

/* A child of vfork() runs in its parent's memory until it execs: that place is not its own. */
static void tell_end(void)
{
    struct pab_witness_process *own = witness.own;
    if (own != NULL && own->pid == getpid()) {
        own->python = witness.python_at_finalize != PAB_WITNESS_NO_PYTHON
                          ? witness.python_at_finalize
                          : ask_python();
        own->peak_rss_bytes = read_peak_bytes();
        atomic_store(&own->state, PAB_WITNESS_ENDED);
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv(PAB_WITNESS_FILE);
    witness.file = path == NULL ? NULL : map_file(path);
    if (witness.file == NULL) {
        return;
    }
    witness.is_python = pab_interpreter_find(&witness.python);
    if (witness.is_python) {
        const char *version = witness.python.version_text;
        size_t length = strcspn(version, " ");
        size_t room = sizeof(witness.found.version) - 1;
        memcpy(witness.found.version, version, length < room ? length : room);
    }
    find_malloc(&witness.found);
    expect_finalize();
    pthread_atfork(NULL, NULL, after_fork_child);
    take_place();
}

__attribute__((destructor)) static void end_by_exit(void)
{
    tell_end();
}

/* In place of libc's: children of multiprocessing end so. */
__attribute__((visibility("default"))) _Noreturn void _exit(int status)
{
    tell_end();
    for (;;) {
        syscall(SYS_exit_group, status);
    }
}

__attribute__((visibility("default"))) _Noreturn void _Exit(int status)
{
    _exit(status);
}
