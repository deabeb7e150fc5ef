// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of the watched folders.
#include "sources/folder_priv.h"

#include "util/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    EVENT_BYTES = 64 * 1024,
    READS_PER_TURN = 16, // so that a storm of events does not keep files waiting
};

static struct nj_folder_dir *dir_of(struct nj_folder_source *source, int wd)
{
    char key[16];
    (void)snprintf(key, sizeof key, "%d", wd);
    return nj_strmap_get(source->tree.wds, key);
}

static bool join(char out[NJ_STORE_PATH_SIZE], const char *folder, const char *name)
{
    int length =
        snprintf(out, NJ_STORE_PATH_SIZE, "%s%s%s", folder, *folder != '\0' ? "/" : "", name);
    return length > 0 && length < NJ_STORE_PATH_SIZE;
}

static void handle_folder(struct nj_folder_source *source, uint32_t mask, const char *path)
{
    if (mask & IN_MOVED_FROM)
        nj_folder_tree_forget(source, path);
    else if (mask & (IN_CREATE | IN_MOVED_TO))
        (void)nj_folder_tree_add(source, path);
}

// A new name for a whole file (link, symlink) makes no other event; a new file that is being
// written makes one when it is closed.
static bool is_whole(const struct nj_folder_source *source, const char *path)
{
    struct stat info;
    return fstatat(source->tree.root_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISLNK(info.st_mode) || info.st_nlink > 1);
}

static void handle_file(struct nj_folder_source *source, uint32_t mask, const char *path)
{
    if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
        nj_folder_note(source, path, false);
    else if ((mask & IN_CREATE) && is_whole(source, path))
        nj_folder_note(source, path, true);
}

// False when the root is gone.
static bool handle_event(struct nj_folder_source *source, const struct inotify_event *event)
{
    char path[NJ_STORE_PATH_SIZE];
    if (event->mask & IN_Q_OVERFLOW) {
        nj_folder_tree_dirty_all(source, false);
        return true;
    }
    if (event->wd == source->tree.parent_wd)
        return nj_folder_tree_alive(source);
    struct nj_folder_dir *dir = dir_of(source, event->wd);
    if (!dir)
        return true;
    bool is_root = dir->path[0] == '\0';
    if (is_root && (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)))
        return false;
    if (event->mask & (IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED)) {
        nj_folder_tree_forget(source, dir->path);
        return true;
    }
    if (event->len == 0 || event->name[0] == '.' || !join(path, dir->path, event->name))
        return true;
    if (event->mask & IN_ISDIR)
        handle_folder(source, event->mask, path);
    else if (nj_media_kind_of_name(event->name) != NJ_MEDIA_NONE)
        handle_file(source, event->mask, path);
    return true;
}

bool nj_folder_read_events(struct nj_folder_source *source)
{
    _Alignas(struct inotify_event) char bytes[EVENT_BYTES];
    for (int i = 0; i < READS_PER_TURN && source->tree.inotify_fd >= 0; i++) {
        ssize_t got = read(source->tree.inotify_fd, bytes, sizeof bytes);
        if (got <= 0)
            return true;
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            at += (ssize_t)(sizeof *event + event->len);
            if (!handle_event(source, event))
                return false;
        }
    }
    return true;
}
