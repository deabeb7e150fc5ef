// SPDX-License-Identifier: Apache-2.0
// The folder source: its life, its thread, and what it tells others.
#include "sources/folder_priv.h"

#include "loop/thread.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/ref.h"
#include "util/text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    ROOT_RETRY_US = NJ_US_PER_S,      // while the root is gone
    ROOT_CHECK_US = 5 * NJ_US_PER_S,  // a parent that was renamed makes no event
    TIDY_FIRST_US = 60 * NJ_US_PER_S, // after the start, out of its way
    FILES_PER_TURN = 16,              // between two looks at the kernel's queue of events
};

// Outlives the source while calls to the loop are under way.
struct nj_folder_notice {
    struct nj_ref ref;
    bool closed; // loop thread
    void (*fn)(void *context, const char *camera_id, bool created);
    void *context;
};

struct camera_call {
    struct nj_call call;
    struct nj_folder_notice *notice;
    bool created;
    char camera_id[NJ_CAMERA_ID_SIZE];
};

static void notice_unref(struct nj_folder_notice *notice)
{
    if (notice && nj_ref_drop(&notice->ref))
        free(notice);
}

static void tell_camera(struct nj_call *call)
{
    struct camera_call *self = NJ_CONTAINER_OF(call, struct camera_call, call);
    if (!self->notice->closed)
        self->notice->fn(self->notice->context, self->camera_id, self->created);
    notice_unref(self->notice);
    free(self);
}

void nj_folder_tell_camera(struct nj_folder_source *source, const char *camera_id, bool created)
{
    if (!source->notice->fn)
        return;
    struct camera_call *self = calloc(1, sizeof *self);
    if (!self)
        return; // it is told again with the next file
    self->call.fn = tell_camera;
    self->created = created;
    self->notice = source->notice;
    nj_ref_take(&source->notice->ref);
    nj_text_copy(self->camera_id, sizeof self->camera_id, camera_id);
    nj_loop_post(source->config.loop, &self->call);
}

void nj_folder_set_problem(struct nj_folder_source *source, const char *text)
{
    pthread_mutex_lock(&source->mutex);
    bool changed = strcmp(source->stats.problem, text) != 0;
    nj_text_copy(source->stats.problem, sizeof source->stats.problem, text);
    pthread_mutex_unlock(&source->mutex);
    if (changed && *text)
        nj_log_at(source->log, NJ_LOG_WARNING, "Folder source has a problem",
                  NJ_TEXT("problem", text), NJ_TEXT("root", source->root));
    else if (changed)
        nj_log_at(source->log, NJ_LOG_INFO, "Folder source works again",
                  NJ_TEXT("root", source->root));
}

void nj_folder_count(struct nj_folder_source *source, uint64_t *counter)
{
    pthread_mutex_lock(&source->mutex);
    *counter += 1;
    pthread_mutex_unlock(&source->mutex);
}

void nj_folder_wake(struct nj_folder_source *source)
{
    uint64_t one = 1;
    ssize_t written = write(source->wake_fd, &one, sizeof one);
    (void)written; // it fails only when the counter is at its top: awake already
}

bool nj_folder_absolute(const struct nj_folder_source *source, const char *path,
                        char out[NJ_STORE_PATH_SIZE])
{
    size_t length = strlen(path);
    if (source->root_length + length + 2 > NJ_STORE_PATH_SIZE)
        return false;
    memcpy(out, source->root, source->root_length);
    out[source->root_length] = '/';
    memcpy(out + source->root_length + 1, path, length + 1);
    return true;
}

static void publish_state(struct nj_folder_source *source)
{
    size_t watches = source->tree.wds ? nj_strmap_count(source->tree.wds) : 0;
    size_t pending = source->file_count + source->ops_under_way;
    pthread_mutex_lock(&source->mutex);
    source->stats.pending = (int64_t)pending;
    source->stats.watches = (int64_t)watches;
    source->stats.watching = source->tree.root_fd >= 0;
    source->stats.scanning = source->scan.stream || !nj_list_empty(&source->tree.dirty);
    pthread_mutex_unlock(&source->mutex);
    if (source->metrics.pending) {
        nj_metric_set(source->metrics.pending, (double)pending);
        nj_metric_set(source->metrics.watches, (double)watches);
    }
}

static void lose_root(struct nj_folder_source *source)
{
    nj_folder_set_problem(source,
                          "the watched folder is gone; it is watched again when it is back");
    nj_folder_tree_close(source);
}

// Opens the root when it is not, and notices when it went.
static void tend_root(struct nj_folder_source *source, nj_us now_us)
{
    struct nj_error err = {0};
    if (source->tree.root_fd >= 0 && now_us >= source->check_at_us) {
        source->check_at_us = now_us + ROOT_CHECK_US;
        if (!nj_folder_tree_alive(source))
            lose_root(source);
    }
    if (source->tree.root_fd >= 0 || now_us < source->root_at_us)
        return;
    if (nj_folder_tree_open(source, &err) == 0) {
        source->check_at_us = now_us + ROOT_CHECK_US;
        nj_folder_set_problem(source, source->tree.watch_limit
                                          ? "the kernel gives no more inotify watches: polling"
                                          : "");
        return;
    }
    source->root_at_us = now_us + ROOT_RETRY_US;
    nj_folder_set_problem(source, err.text);
}

static void tend_beat(struct nj_folder_source *source, nj_us now_us)
{
    if (now_us < source->beat_at_us)
        return;
    source->beat_at_us = now_us + source->options->polling_interval_us;
    nj_folder_tree_dirty_all(source, true);
}

static void load(struct nj_folder_source *source, nj_us now_us)
{
    struct nj_error err = {0};
    if (source->loaded || now_us < source->retry_at_us)
        return;
    source->loaded = nj_folder_load(source, &err) == 0;
    if (!source->loaded)
        nj_folder_hold(source, ROOT_RETRY_US, err.text);
    else if (source->probing)
        nj_folder_set_problem(source, "");
}

// True while there is more to do at once.
static bool accept_some(struct nj_folder_source *source, nj_us now_us)
{
    if (!source->loaded || now_us < source->retry_at_us)
        return false;
    size_t room = source->probing ? 1 : NJ_FOLDER_OPS;
    for (size_t i = 0; i < FILES_PER_TURN; i++) {
        if (source->file_count == 0 || source->ops_under_way >= room || !source->free_ops)
            return false;
        if (!nj_folder_accept(source, nj_folder_take(source)))
            return false;
    }
    return true;
}

static bool turn(struct nj_folder_source *source)
{
    nj_us now_us = nj_mono_us(source->clock);
    nj_folder_ops_collect(source);
    load(source, now_us);
    tend_root(source, now_us);
    bool more = false;
    if (source->tree.root_fd >= 0 && source->loaded) {
        if (!nj_folder_read_events(source)) {
            lose_root(source);
            return true;
        }
        tend_beat(source, now_us);
        more = nj_folder_scan_step(source);
        more |= accept_some(source, now_us); // after the scan, which may have found some
    }
    if (!more && source->loaded && now_us >= source->tidy_at_us && source->ops_under_way == 0)
        nj_folder_tidy(source);
    return more;
}

static nj_us earlier(nj_us a, nj_us b)
{
    return b < a ? b : a;
}

static int wait_ms(const struct nj_folder_source *source)
{
    nj_us now_us = nj_mono_us(source->clock);
    nj_us until_us = now_us + ROOT_CHECK_US;
    bool beats = source->tree.inotify_fd < 0 || source->tree.watch_limit ||
                 nj_strmap_count(source->unsettled) > 0;
    if (source->tree.root_fd < 0)
        until_us = earlier(until_us, source->root_at_us);
    else if (beats)
        until_us = earlier(until_us, source->beat_at_us);
    if (source->retry_at_us > now_us)
        until_us = earlier(until_us, source->retry_at_us);
    nj_us wait_us = until_us > now_us ? until_us - now_us : 0;
    return (int)((wait_us + NJ_US_PER_MS - 1) / NJ_US_PER_MS);
}

static void wait_for_work(struct nj_folder_source *source)
{
    struct pollfd fds[] = {
        {.fd = source->wake_fd, .events = POLLIN},
        {.fd = source->tree.inotify_fd, .events = POLLIN}, // negative is ignored
    };
    uint64_t count;
    if (poll(fds, NJ_COUNT_OF(fds), wait_ms(source)) > 0 && fds[0].revents != 0) {
        ssize_t got = read(source->wake_fd, &count, sizeof count);
        (void)got; // not blocking; only the wake-up matters
    }
}

static void run(void *arg)
{
    struct nj_folder_source *source = arg;
    while (!atomic_load(&source->stopping)) {
        bool more = turn(source);
        publish_state(source);
        if (!more)
            wait_for_work(source);
    }
    // Operations are the store's until they are done; what they accepted is durable then.
    while (source->ops_under_way > 0) {
        nj_folder_ops_collect(source);
        if (source->ops_under_way > 0)
            wait_for_work(source);
    }
    nj_folder_scan_stop(source);
    nj_folder_tree_close(source);
    publish_state(source);
}

static struct nj_metric *files_metric(struct nj_metrics *metrics, const char *result)
{
    static const struct nj_metric_spec spec = {
        .type = NJ_COUNTER,
        .name = "folder_files_total",
        .help = "Files of the watched folder by what became of them.",
        .label = "result",
    };
    return nj_metrics_get(metrics, &spec, result);
}

static void make_metrics(struct nj_folder_source *source)
{
    static const struct nj_metric_spec pending = {
        .type = NJ_GAUGE,
        .name = "folder_pending_files",
        .help = "Files that were noticed and are not decided yet.",
    };
    static const struct nj_metric_spec watches = {
        .type = NJ_GAUGE,
        .name = "folder_watches",
        .help = "Folders that the kernel watches for us.",
    };
    struct nj_metrics *metrics = source->config.metrics;
    if (!metrics)
        return;
    source->metrics = (struct nj_folder_metrics){
        .accepted = files_metric(metrics, "accepted"),
        .duplicates = files_metric(metrics, "duplicate"),
        .pushed_back = files_metric(metrics, "pushed_back"),
        .vanished = files_metric(metrics, "vanished"),
        .pending = nj_metrics_get(metrics, &pending, NULL),
        .watches = nj_metrics_get(metrics, &watches, NULL),
    };
}

static int make_parts(struct nj_folder_source *source)
{
    source->notice = calloc(1, sizeof *source->notice);
    if (!source->notice)
        return NJ_E_NOMEM;
    nj_ref_init(&source->notice->ref);
    source->notice->fn = source->config.camera_seen;
    source->notice->context = source->config.context;
    source->unsettled = nj_strmap_create(free);
    source->cameras = nj_strmap_create(NULL);
    source->tree.paths = nj_strmap_create(free);
    source->tree.wds = nj_strmap_create(NULL);
    source->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!source->unsettled || !source->cameras || !source->tree.paths || !source->tree.wds)
        return NJ_E_NOMEM;
    if (source->wake_fd < 0)
        return NJ_E_IO;
    int rc = nj_seen_set_init(&source->seen);
    return rc == 0 ? nj_folder_ops_init(source) : rc;
}

int nj_folder_source_create(const struct nj_folder_config *config, struct nj_folder_source **out,
                            struct nj_error *err)
{
    struct nj_folder_source *source = calloc(1, sizeof *source);
    if (!source)
        return nj_error_set(err, NJ_E_NOMEM, "folder source: no memory");
    source->config = *config;
    source->options = config->options;
    source->clock = nj_loop_clock(config->loop);
    source->tree.root_fd = source->tree.inotify_fd = source->wake_fd = -1;
    nj_list_init(&source->files);
    nj_list_init(&source->tree.dirty);
    pthread_mutex_init(&source->mutex, NULL);
    int rc = make_parts(source);
    if (rc == 0)
        rc = nj_log_child(config->log, "file_watcher", &source->log);
    if (rc != 0) {
        nj_folder_source_destroy(source);
        return nj_error_set(err, rc, "folder source: out of memory or descriptors");
    }
    make_metrics(source);
    *out = source;
    return 0;
}

static int find_root(struct nj_folder_source *source, struct nj_error *err)
{
    const char *wanted = source->options->root;
    int rc = nj_dir_create(wanted, err);
    if (rc != 0)
        return nj_error_prefix(err, "folder.root");
    char *real = realpath(wanted, NULL);
    if (!real)
        return nj_error_errno(err, errno, "folder.root: %s", wanted);
    source->root_length = strlen(real);
    bool fits = source->root_length + NAME_MAX < sizeof source->root;
    if (fits)
        memcpy(source->root, real, source->root_length + 1);
    free(real);
    if (!fits)
        return nj_error_set(err, NJ_E_TOO_BIG, "folder.root: the path is too long");
    if (source->root_length == 1)
        return nj_error_set(err, NJ_E_INVALID, "folder.root: \"/\" cannot be watched as a whole");
    return 0;
}

int nj_folder_source_start(struct nj_folder_source *source, struct nj_error *err)
{
    if (source->started)
        return 0;
    int rc = find_root(source, err);
    if (rc != 0)
        return rc;
    nj_us now_us = nj_mono_us(source->clock);
    atomic_store(&source->stopping, false);
    source->beat_at_us = now_us + source->options->polling_interval_us;
    source->tidy_at_us = now_us + TIDY_FIRST_US;
    rc = nj_thread_start(&source->thread, "nj-folder", run, source, err);
    source->started = rc == 0;
    return rc;
}

void nj_folder_source_stop(struct nj_folder_source *source)
{
    if (!source || !source->started)
        return;
    atomic_store(&source->stopping, true);
    nj_folder_wake(source);
    nj_thread_join(source->thread);
    source->started = false;
}

void nj_folder_source_destroy(struct nj_folder_source *source)
{
    if (!source)
        return;
    nj_folder_source_stop(source);
    while (source->file_count > 0)
        free(nj_folder_take(source));
    if (source->notice)
        source->notice->closed = true;
    notice_unref(source->notice);
    nj_folder_ops_finish(source);
    nj_seen_set_finish(&source->seen);
    nj_strmap_destroy(source->unsettled);
    nj_strmap_destroy(source->cameras);
    nj_strmap_destroy(source->tree.wds);
    nj_strmap_destroy(source->tree.paths);
    if (source->wake_fd >= 0)
        close(source->wake_fd);
    free(source->bytes);
    nj_log_destroy(source->log);
    pthread_mutex_destroy(&source->mutex);
    free(source);
}

void nj_folder_source_get_stats(struct nj_folder_source *source, struct nj_folder_stats *out)
{
    pthread_mutex_lock(&source->mutex);
    *out = source->stats;
    pthread_mutex_unlock(&source->mutex);
}
