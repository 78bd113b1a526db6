/* tests/cli/broken/no_malloc.c -- a shared object, but not an allocator. */
int answer(void);

int answer(void)
{
    return 42;
}
