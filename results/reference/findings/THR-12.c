/* THR-12: fork in a signal handler waits for ever for a lock that the interrupted malloc holds.
 * clause: POSIX.1-2008 2.4.3 (async-signal-safe until POSIX.1-2024): a matter of quality
 * shows: gperftools 2.10, jemalloc 5.3.0
 * build: cc -fno-builtin
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS 200000UL

static volatile unsigned long *steps; /* shared with who watches */

static void fork_once(int number)
{
    static const struct itimerval once = {{0, 0}, {0, 300}}; /* again 0.3 ms after it is done */
    (void)number;
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    setitimer(ITIMER_REAL, &once, NULL);
}

static void work(void)
{
    static void *blocks[4096];
    signal(SIGALRM, fork_once);
    raise(SIGALRM);
    for (unsigned long i = 1; i <= STEPS; i++) {
        void **block = &blocks[i * 2654435761UL % 4096];
        free(*block);
        *block = malloc(16 + i % 5000);
        *steps = i;
    }
}

int main(void)
{
    steps = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t worker = fork();
    if (worker == 0) {
        work();
        _exit(0);
    }
    for (unsigned long seen = STEPS; *steps != seen;) {
        seen = *steps;
        sleep(3);
        if (waitpid(worker, NULL, WNOHANG) == worker) {
            return 0;
        }
    }
    kill(worker, SIGKILL);
    printf("after %lu calls malloc and free have stood still for 3 s\n", *steps);
    return 1;
}
