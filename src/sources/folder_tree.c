// SPDX-License-Identifier: Apache-2.0
// The folders below the root and their watches.
#include "sources/beneath_priv.h"
#include "sources/folder_priv.h"

#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static const uint32_t watch_mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                   IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

enum { KEY_SIZE = 16 };

static const char *wd_key(int wd, char out[KEY_SIZE])
{
    (void)snprintf(out, KEY_SIZE, "%d", wd);
    return out;
}

static unsigned depth_of(const char *path)
{
    unsigned depth = *path != '\0';
    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

// Drops the folder; the kernel's watch stays when another folder has it by now.
static void drop(struct nj_folder_source *source, struct nj_folder_dir *dir, bool unwatch)
{
    char key[KEY_SIZE];
    struct nj_folder_tree *tree = &source->tree;
    if (dir->wd >= 0 && nj_strmap_get(tree->wds, wd_key(dir->wd, key)) == dir) {
        nj_strmap_remove(tree->wds, key);
        if (unwatch)
            (void)inotify_rm_watch(tree->inotify_fd, dir->wd);
    }
    nj_list_remove(&dir->dirty_node);
    nj_strmap_remove(tree->paths, dir->path); // frees it
}

// Through the descriptor, so that no link can be put in the way of the name.
static int watch(struct nj_folder_source *source, int fd)
{
    char path[64];
    struct nj_folder_tree *tree = &source->tree;
    if (tree->inotify_fd < 0)
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int wd = inotify_add_watch(tree->inotify_fd, path, watch_mask);
    if (wd < 0 && (errno == ENOSPC || errno == ENOMEM))
        tree->watch_limit = true;
    return wd;
}

static struct nj_folder_dir *insert(struct nj_folder_source *source, const char *path, int wd)
{
    char key[KEY_SIZE];
    struct nj_folder_tree *tree = &source->tree;
    size_t length = strlen(path);
    struct nj_folder_dir *dir = calloc(1, sizeof *dir + length + 1);
    if (!dir)
        return NULL;
    memcpy(dir->path, path, length + 1);
    nj_list_init(&dir->dirty_node);
    dir->wd = wd;
    dir->polled = wd < 0;
    if (nj_strmap_set(tree->paths, path, dir) != 0) {
        free(dir);
        return NULL;
    }
    // Without memory for this its events are not understood: it is polled instead.
    if (wd >= 0 && nj_strmap_set(tree->wds, wd_key(wd, key), dir) != 0)
        dir->polled = true;
    return dir;
}

// For want of descriptors or memory: what it lies in is looked through again at the next beat.
static void put_off(struct nj_folder_source *source, const char *path)
{
    struct nj_folder_dir *parent = nj_folder_tree_parent(source, path);
    if (parent)
        parent->recheck = true;
}

// Takes the folder in under this name, in the place of what had the name or the watch before.
static struct nj_folder_dir *take_in(struct nj_folder_source *source, const char *path, int wd)
{
    char key[KEY_SIZE];
    struct nj_folder_tree *tree = &source->tree;
    struct nj_folder_dir *known = nj_strmap_get(tree->paths, path);
    if (known && known->wd == wd)
        return known;
    // The kernel watches folders, not names: a known number under another name was moved.
    struct nj_folder_dir *moved = wd >= 0 ? nj_strmap_get(tree->wds, wd_key(wd, key)) : NULL;
    if (moved)
        drop(source, moved, false);
    if (known && known != moved)
        drop(source, known, true);
    return insert(source, path, wd);
}

struct nj_folder_dir *nj_folder_tree_add(struct nj_folder_source *source, const char *path)
{
    if (depth_of(path) > NJ_FOLDER_DEPTH_MAX)
        return NULL;
    int fd = nj_beneath_open(source->tree.root_fd, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            put_off(source, path);
        return NULL;
    }
    int wd = watch(source, fd);
    close(fd);
    struct nj_folder_dir *dir = take_in(source, path, wd);
    if (dir)
        nj_folder_tree_dirty(source, dir);
    else
        put_off(source, path);
    return dir;
}

static bool is_below(const char *path, const char *folder, size_t length)
{
    return length == 0 ||
           (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

void nj_folder_tree_forget(struct nj_folder_source *source, const char *path)
{
    char own[NJ_STORE_PATH_SIZE]; // `path` may be the one of the folder that goes
    void *value = NULL;
    nj_text_copy(own, sizeof own, path);
    size_t length = strlen(own);
    for (bool found = true; found;) {
        size_t cursor = 0;
        found = false;
        while (!found && nj_strmap_next(source->tree.paths, &cursor, NULL, &value))
            found = is_below(((struct nj_folder_dir *)value)->path, own, length);
        if (found)
            drop(source, value, true);
    }
}

void nj_folder_tree_dirty(struct nj_folder_source *source, struct nj_folder_dir *dir)
{
    if (nj_list_empty(&dir->dirty_node))
        nj_list_append(&source->tree.dirty, &dir->dirty_node);
}

void nj_folder_tree_dirty_all(struct nj_folder_source *source, bool polled_only)
{
    size_t cursor = 0;
    void *value = NULL;
    while (nj_strmap_next(source->tree.paths, &cursor, NULL, &value)) {
        struct nj_folder_dir *dir = value;
        if (!polled_only || dir->polled || dir->recheck)
            nj_folder_tree_dirty(source, dir);
        dir->recheck = false;
    }
}

struct nj_folder_dir *nj_folder_tree_parent(struct nj_folder_source *source, const char *path)
{
    char folder[NJ_STORE_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder)
        return NULL;
    memcpy(folder, path, length);
    folder[length] = '\0';
    return nj_strmap_get(source->tree.paths, folder);
}

// The root's own removal is not told while we hold it open: its parent tells.
static void watch_parent(struct nj_folder_source *source)
{
    char parent[NJ_STORE_PATH_SIZE];
    size_t length = (size_t)(strrchr(source->root, '/') - source->root);
    memcpy(parent, source->root, length);
    parent[length] = '\0';
    if (source->tree.inotify_fd >= 0)
        source->tree.parent_wd = inotify_add_watch(source->tree.inotify_fd, length ? parent : "/",
                                                   IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR);
}

bool nj_folder_tree_alive(const struct nj_folder_source *source)
{
    struct stat named, open;
    return lstat(source->root, &named) == 0 && fstat(source->tree.root_fd, &open) == 0 &&
           named.st_dev == open.st_dev && named.st_ino == open.st_ino && open.st_nlink > 0;
}

int nj_folder_tree_open(struct nj_folder_source *source, struct nj_error *err)
{
    struct nj_folder_tree *tree = &source->tree;
    tree->root_fd = open(source->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree->root_fd < 0)
        return nj_error_errno(err, errno, "watched folder %s", source->root);
    tree->watch_limit = false;
    tree->parent_wd = -1;
    if (!source->options->polling) {
        tree->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        tree->watch_limit = tree->inotify_fd < 0;
    }
    if (nj_folder_tree_add(source, "")) {
        watch_parent(source);
        return 0;
    }
    nj_folder_tree_close(source);
    return nj_error_set(err, NJ_E_IO, "watched folder %s cannot be opened", source->root);
}

void nj_folder_tree_close(struct nj_folder_source *source)
{
    struct nj_folder_tree *tree = &source->tree;
    nj_folder_tree_forget(source, "");
    nj_folder_scan_stop(source);
    while (source->file_count > 0) // a scan finds them again
        free(nj_folder_take(source));
    if (tree->inotify_fd >= 0)
        close(tree->inotify_fd);
    if (tree->root_fd >= 0)
        close(tree->root_fd);
    tree->inotify_fd = tree->root_fd = -1;
}
