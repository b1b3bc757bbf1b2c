/* A disk that can lose power and fail, for a process that is started with this library in LD_PRELOAD. Linux only.
 *
 * DISK_FOLDER   files below this folder are on the disk; everything else is left alone.
 * DISK_DURABLE  a folder with what a power cut would leave at any moment: a file's bytes get there when fsync or
 *               fdatasync of it returns, and not before. sync_file_range makes nothing durable: it leaves the file's
 *               size and the disk's own cache alone (sync_file_range(2), "Warning"). New names, renames and removals
 *               are durable at once, as if every folder were synced: this disk is about contents.
 * DISK_IGNORES  a call that confirms and makes nothing durable, such as fdatasync.
 * DISK_FAILS    CALL:N:ERROR. The N-th such call fails. After EIO the disk works again, as Linux does after a lost
 *               write; with ENOSPC a write ends in the middle and the disk stays full.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(type, name, ...) static type (*real_##name)(__VA_ARGS__)
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
REAL(int, ftruncate64, int, off64_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, sync_file_range, int, off64_t, off64_t, unsigned int);
REAL(int, rename, const char *, const char *);
REAL(int, unlink, const char *);

static char folder[PATH_MAX], durable[PATH_MAX];
static const char *ignored = "";
static char failing_call[32];
static long failing_at;
static int failing_error;
static atomic_long failing_count;

__attribute__((constructor)) static void start(void) {
#define FIND(name) real_##name = dlsym(RTLD_NEXT, #name)
    FIND(write), FIND(pwrite64), FIND(ftruncate64), FIND(fsync), FIND(fdatasync);
    FIND(sync_file_range), FIND(rename), FIND(unlink);
    const char *at = getenv("DISK_FOLDER"), *to = getenv("DISK_DURABLE"), *fails = getenv("DISK_FAILS");
    if (at) snprintf(folder, sizeof folder, "%s/", at);
    if (to) snprintf(durable, sizeof durable, "%s/", to);
    if (getenv("DISK_IGNORES")) ignored = getenv("DISK_IGNORES");
    char error[16] = "";
    if (fails && sscanf(fails, "%31[^:]:%ld:%15s", failing_call, &failing_at, error) == 3)
        failing_error = strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
}

/* The part of a path below the watched folder, or NULL. */
static const char *below(const char *path) {
    size_t length = strlen(folder);
    return length && strncmp(path, folder, length) == 0 ? path + length : NULL;
}

/* The same for an open file; `path` is where it is put. */
static const char *below_fd(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = folder[0] ? readlink(link, path, PATH_MAX - 1) : -1;
    if (length < 0) return NULL;
    path[length] = 0;
    return below(path);
}

/* Whether this call is the one that fails; errno is set. */
static int fails(const char *call) {
    if (!failing_error || strcmp(call, failing_call)) return 0;
    long count = atomic_fetch_add(&failing_count, 1) + 1;
    int now = failing_error == ENOSPC ? count >= failing_at : count == failing_at;
    if (now) errno = failing_error;
    return now;
}

/* What was written and is not durable: ranges of files. */
struct range {
    struct range *next;
    char name[PATH_MAX];
    off64_t from, to;
};
static struct range *pending;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *name, off64_t from, off64_t to) {
    if (!durable[0]) return;
    struct range *range = malloc(sizeof *range);
    if (!range) abort();
    snprintf(range->name, sizeof range->name, "%s", name);
    range->from = from, range->to = to;
    pthread_mutex_lock(&lock);
    range->next = pending, pending = range;
    pthread_mutex_unlock(&lock);
}

static int open_twin(const char *name) {
    char path[PATH_MAX * 2];
    snprintf(path, sizeof path, "%s%s", durable, name);
    for (char *slash = path + strlen(durable); (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0700);
    }
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void copy(int from, int to, off64_t at, off64_t end) {
    char bytes[65536];
    while (at < end) {
        size_t want = end - at < (off64_t)sizeof bytes ? (size_t)(end - at) : sizeof bytes;
        ssize_t got = pread64(from, bytes, want, at);
        if (got <= 0) return;
        if (real_pwrite64(to, bytes, (size_t)got, at) != got) abort();
        at += got;
    }
}

/* A file's bytes become durable. */
static void settle(int fd, const char *name) {
    struct stat status;
    if (!durable[0] || fstat(fd, &status) || !S_ISREG(status.st_mode)) return;
    pthread_mutex_lock(&lock);
    int twin = open_twin(name);
    if (twin < 0) abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int source = open(path, O_RDONLY | O_CLOEXEC);
    for (struct range **at = &pending, *range; (range = *at);) {
        if (strcmp(range->name, name)) {
            at = &range->next;
            continue;
        }
        copy(source, twin, range->from, range->to);
        *at = range->next;
        free(range);
    }
    if (real_ftruncate64(twin, status.st_size)) abort();
    close(source), close(twin);
    pthread_mutex_unlock(&lock);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    char path[PATH_MAX];
    const char *name = below_fd(fd, path);
    if (name && fails("write")) {
        if (failing_error != ENOSPC || atomic_load(&failing_count) != failing_at || length < 2) return -1;
        length /= 2;
    }
    ssize_t written = real_pwrite64(fd, bytes, length, at);
    if (name && written > 0) note(name, at, at + written);
    return written;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    const char *name = below_fd(fd, path);
    if (!name) return real_write(fd, bytes, length);
    off64_t at = lseek64(fd, 0, SEEK_CUR);
    ssize_t written = pwrite64(fd, bytes, length, at);
    if (written > 0) lseek64(fd, at + written, SEEK_SET);
    return written;
}

int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    const char *name = below_fd(fd, path);
    return name && fails("truncate") ? -1 : real_ftruncate64(fd, length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_with(const char *call, int fd, int (*real)(int)) {
    char path[PATH_MAX];
    const char *name = below_fd(fd, path);
    if (!name) return real(fd);
    if (fails(call)) return -1;
    if (strcmp(ignored, call)) settle(fd, name);
    return 0;
}
int fsync(int fd) { return sync_with("fsync", fd, real_fsync); }
int fdatasync(int fd) { return sync_with("fdatasync", fd, real_fdatasync); }

int sync_file_range(int fd, off64_t at, off64_t length, unsigned int flags) {
    char path[PATH_MAX];
    const char *name = below_fd(fd, path);
    if (!name) return real_sync_file_range(fd, at, length, flags);
    return fails("sync_file_range") ? -1 : 0;
}

int rename(const char *from, const char *to) {
    const char *old = below(from), *name = below(to);
    if (old && fails("rename")) return -1;
    int result = real_rename(from, to);
    if (result == 0 && durable[0] && old && name) {
        char twin_from[PATH_MAX * 2], twin_to[PATH_MAX * 2];
        snprintf(twin_from, sizeof twin_from, "%s%s", durable, old);
        snprintf(twin_to, sizeof twin_to, "%s%s", durable, name);
        real_rename(twin_from, twin_to);
    }
    return result;
}

int unlink(const char *path) {
    const char *name = below(path);
    int result = real_unlink(path);
    if (result == 0 && durable[0] && name) {
        char twin[PATH_MAX * 2];
        snprintf(twin, sizeof twin, "%s%s", durable, name);
        real_unlink(twin);
    }
    return result;
}
