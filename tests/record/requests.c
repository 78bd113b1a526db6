/* Programs whose requests are known: what `record` writes down is held against it.
 *
 *   requests known N     N rounds of one request of each kind, on one thread
 *   requests hammer N    8 threads, N blocks each; every block is freed by some other thread
 *   requests threads N   N threads, one after the other: each makes and frees 10 blocks
 *   requests forks N     N children, one after the other; each frees what its parent made
 *   requests clone       a child that is made without fork()'s handlers
 *   requests kill N      N blocks, then SIGKILL;  abort N, exit N: likewise
 *   requests storm       8 threads make blocks, while one forks again and again
 *   requests endless     makes and frees blocks until it is killed
 *   requests begin WAY   a shell that is not recorded, begun by `execl`, `system`...
 *   requests exec MODULE a child of vfork() that execs, while a thread is within dlopen(MODULE)
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define PLACES  256

static _Atomic(void *) places[PLACES];
static long rounds;
static atomic_bool over;

static void known(void)
{
    for (long i = 0; i < rounds; i++) {
        void *small = malloc(24);
        void *zeroed = calloc(3, 100);
        void *aligned = NULL;
        if (posix_memalign(&aligned, 64, 128) != 0) {
            abort();
        }
        void *more = aligned_alloc(256, 512);
        small = realloc(small, 100000);
        small = reallocarray(small, 10, 4);
        void *refused = malloc((size_t)1 << 46);
        void *kept = realloc(zeroed, (size_t)1 << 46);
        if (refused != NULL || kept != NULL) {
            abort();
        }
        free(small);
        free(zeroed);
        free(aligned);
        free(more);
        free(NULL);
    }
}

/* Puts each block where another thread takes it away. */
static void *hammer(void *arg)
{
    uint64_t state = (uintptr_t)arg * 0x9E3779B97F4A7C15u + 1;
    for (long i = 0; i < rounds; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        char *block = malloc(1 + (state >> 33) % 300);
        block[0] = 1;
        if (i % 4 == 0) {
            block = realloc(block, 1 + (state >> 40) % 3000);
        }
        free(atomic_exchange(&places[(state >> 50) % PLACES], block));
    }
    return NULL;
}

static void empty_places(void)
{
    for (unsigned i = 0; i < PLACES; i++) {
        free(atomic_exchange(&places[i], NULL));
    }
}

static void run_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, body, (void *)i) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void *ten_blocks(void *arg)
{
    void *blocks[10];
    (void)arg;
    for (size_t i = 0; i < 10; i++) {
        blocks[i] = malloc(1000 + i);
    }
    for (size_t i = 0; i < 10; i++) {
        free(blocks[i]);
    }
    return NULL;
}

static void short_threads(void)
{
    for (long i = 0; i < rounds; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, ten_blocks, NULL) != 0) {
            abort();
        }
        pthread_join(thread, NULL);
    }
}

static void await(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        abort();
    }
}

static void forks(void)
{
    for (long i = 0; i < rounds; i++) {
        void *inherited = malloc(4321);
        pid_t child = fork();
        if (child == 0) {
            free(inherited);
            free(malloc(1234));
            _exit(0);
        }
        await(child);
        free(inherited);
    }
}

static void clone_child(void)
{
    void *inherited = malloc(4321);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        free(inherited);
        free(malloc(1234));
        _exit(0);
    }
    await(child);
    free(inherited);
}

static void *until_over(void *arg)
{
    while (!atomic_load(&over)) {
        hammer(arg);
    }
    return NULL;
}

static void storm(void)
{
    pthread_t threads[THREADS];
    rounds = 1000;
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, until_over, (void *)i) != 0) {
            abort();
        }
    }
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        if (child == 0) {
            empty_places();
            _exit(0);
        }
        await(child);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void endless(void)
{
    for (;;) {
        volatile char *block = malloc(777);
        block[0] = 1;
        free((void *)block);
    }
}

static void *load(void *module)
{
    return dlopen(module, RTLD_NOW);
}

/* The constructor of MODULE (constructor.c) holds the loader's lock until the child has ended. */
static void exec_while_loading(const char *module)
{
    char *words[] = {"true", NULL};
    int entered[2], leave[2];
    char byte = 0;
    pthread_t loader;
    if (pipe(entered) != 0 || pipe(leave) != 0 || dup2(entered[1], 100) != 100 ||
        dup2(leave[0], 101) != 101 || pthread_create(&loader, NULL, load, (void *)module) != 0 ||
        read(entered[0], &byte, 1) != 1) {
        abort();
    }
    pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): as CPython does */
    if (child == 0) {
        alarm(20); /* NOLINT(clang-analyzer-unix.Vfork): a system call alone */
        execv("/bin/true", words);
        _exit(1);
    }
    await(child);
    void *loaded = NULL;
    if (write(leave[1], &byte, 1) != 1 || pthread_join(loader, &loaded) != 0 || loaded == NULL) {
        abort();
    }
}

/* The program that is begun gets no preload library of ours. */
static void begin_by(const char *way)
{
    char *none[] = {"PATH=/bin:/usr/bin", NULL};
    char *words[] = {"sh", "-c", "exit 0", NULL};
    if (setenv("LD_PRELOAD", "", 1) != 0) {
        abort();
    }
    if (strcmp(way, "system") == 0) {
        (void)!system("exit 0");
        return;
    }
    if (strcmp(way, "popen") == 0) {
        pclose(popen("exit 0", "r"));
        return;
    }
    if (strcmp(way, "execl") == 0) {
        execl("/bin/sh", "sh", "-c", "exit 0", NULL);
    } else if (strcmp(way, "execlp") == 0) {
        execlp("sh", "sh", "-c", "exit 0", NULL);
    } else if (strcmp(way, "execle") == 0) {
        execle("/bin/sh", "sh", "-c", "exit 0", NULL, none);
    } else if (strcmp(way, "execv") == 0) {
        execv("/bin/sh", words);
    } else if (strcmp(way, "execveat") == 0) {
        execveat(AT_FDCWD, "/bin/sh", words, none, 0);
    } else if (strcmp(way, "execvp") == 0) {
        execvp("sh", words);
    }
    abort();
}

static void make_and_end(const char *how)
{
    for (long i = 0; i < rounds; i++) {
        ((volatile char *)malloc(777))[0] = 1;
    }
    if (strcmp(how, "kill") == 0) {
        kill(getpid(), SIGKILL);
    } else if (strcmp(how, "abort") == 0) {
        abort();
    }
    exit(3);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return 2;
    }
    const char *what = argv[1];
    rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    (void)mallopt(M_ARENA_MAX, 1); /* what one thread gives back, another has at once */
    if (strcmp(what, "known") == 0) {
        known();
    } else if (strcmp(what, "hammer") == 0) {
        run_threads(hammer);
        empty_places();
    } else if (strcmp(what, "threads") == 0) {
        short_threads();
    } else if (strcmp(what, "forks") == 0) {
        forks();
    } else if (strcmp(what, "clone") == 0) {
        clone_child();
    } else if (strcmp(what, "storm") == 0) {
        storm();
    } else if (strcmp(what, "endless") == 0) {
        endless();
    } else if (strcmp(what, "exec") == 0 && argc > 2) {
        exec_while_loading(argv[2]);
    } else if (strcmp(what, "begin") == 0 && argc > 2) {
        begin_by(argv[2]);
    } else {
        make_and_end(what);
    }
    return 0;
}
