// SPDX-License-Identifier: Apache-2.0
// Fuzzes the reading of configuration: the bytes are a YAML file, a JSON file, an environment value
// and a --set, chosen by the first byte, against a table with an option of every type.
#include "config/config.h"

#include "util/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
    const char *name;
    struct nj_text_list labels;
};

struct outer {
    bool flag;
    int64_t count;
    double number;
    int64_t span_us;
    const char *text;
    const char *path;
    int choice;
    struct nj_text_list list;
    struct nj_object_list objects;
};

static const char *const choices[] = {"one", "two", NULL};

static const struct nj_option inner_table[] = {
    {.name = "name",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct inner, name),
     .min = 1,
     .max = 32,
     .fallback = "",
     .help = ""},
    {.name = "labels",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = offsetof(struct inner, labels),
     .fallback = "a,b",
     .help = ""},
};

static const struct nj_option_group inner_group = {"inner", "Inner", inner_table,
                                                   NJ_COUNT_OF(inner_table), sizeof(struct inner)};

#define OPTION(member, kind, value)                                                                \
    .name = #member, .type = kind, .offset = offsetof(struct outer, member), .fallback = value,    \
    .help = ""

static const struct nj_option outer_table[] = {
    {OPTION(flag, NJ_OPTION_BOOL, "true")},
    {OPTION(count, NJ_OPTION_INT, "1"), .min = 0, .max = 100},
    {OPTION(number, NJ_OPTION_NUMBER, "0.5")},
    {OPTION(span_us, NJ_OPTION_SECONDS, "1")},
    {OPTION(text, NJ_OPTION_TEXT, ""), .max = 64},
    {OPTION(path, NJ_OPTION_PATH, "")},
    {OPTION(choice, NJ_OPTION_CHOICE, "one"), .choices = choices},
    {OPTION(list, NJ_OPTION_TEXT_LIST, "")},
    {OPTION(objects, NJ_OPTION_OBJECTS, ""), .members = &inner_group},
};

static const struct nj_option_group outer_group = {"g", "Group", outer_table,
                                                   NJ_COUNT_OF(outer_table), sizeof(struct outer)};
static const struct nj_option_group *const groups[] = {&outer_group, NULL};

// A snapshot that was accepted can be shown and equals itself.
static void use(struct nj_config *config)
{
    struct nj_buf buf;
    nj_buf_init(&buf, 8 << 20);
    nj_config_to_json(config, &buf);
    if (nj_buf_failed(&buf) || nj_config_changed(config, config, &outer_group, NULL))
        abort();
    nj_buf_finish(&buf);
    nj_config_unref(config);
}

static void load(const char *path, const char *environment, const char *set)
{
    const char *const entries[] = {environment, NULL};
    const char *const sets[] = {set, NULL};
    const struct nj_config_input input = {
        .groups = groups, .file_path = path, .environment = entries, .sets = sets};
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    if (nj_config_load(&input, &config, &err) == 0)
        use(config);
    else if (err.code == 0 || err.text[0] == '\0' || strchr(err.text, '\n'))
        abort();
}

// A file in memory, so that nothing is left on a disk. The link's name gives it its ending.
static void load_file(const uint8_t *data, size_t size, const char *ending)
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    char target[64];
    char link[96];
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(target, sizeof(target), "/proc/%d/fd/%d", (int)getpid(), fd);
    snprintf(link, sizeof(link), "/tmp/config_fuzz_%d%s", (int)getpid(), ending);
    unlink(link);
    if (symlink(target, link) != 0)
        abort();
    load(link, NULL, NULL);
    unlink(link);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {
        "NIGHTJAR_G_LIST=", "NIGHTJAR_G_OBJECTS=", "NIGHTJAR_G_SPAN_US=", "NIGHTJAR_"};
    if (size == 0)
        return 0;
    unsigned what = data[0];
    data++;
    size--;
    if (what == 'j') {
        load_file(data, size, ".json");
        return 0;
    }
    if (what != 'e' && what != 's') {
        load_file(data, size, ".yaml");
        return 0;
    }
    char *text = nj_strndup((const char *)data, size);
    size_t room = strlen(text) + 32;
    char *entry = malloc(room);
    for (size_t i = 0; what == 'e' && i < NJ_COUNT_OF(names); i++) {
        snprintf(entry, room, "%s%s", names[i], text);
        load(NULL, entry, NULL);
    }
    if (what == 's')
        load(NULL, NULL, text);
    free(entry);
    free(text);
    return 0;
}
