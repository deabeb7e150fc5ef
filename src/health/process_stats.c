// SPDX-License-Identifier: Apache-2.0
// What the kernel says about this process, from /proc.
#include "health/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// Fields of /proc/self/stat behind the command name, counted from the state (proc(5) number 3).
enum {
    FIELD_FIRST = 3,
    FIELD_USER_TICKS = 14,
    FIELD_SYSTEM_TICKS = 15,
    FIELD_THREADS = 20,
    FIELD_START_TICKS = 22,
    FIELD_VIRTUAL_BYTES = 23,
    FIELD_RESIDENT_PAGES = 24,
    FIELD_COUNT = 25
};

static int read_stat(double fields[FIELD_COUNT])
{
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return -1;
    char line[1024];
    size_t length = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[length] = '\0';
    // The command name may hold blanks and brackets; the last bracket closes it.
    char *rest = strrchr(line, ')');
    if (!rest)
        return -1;
    char *save = NULL;
    char *word = strtok_r(rest + 1, " ", &save);
    int number = FIELD_FIRST;
    for (; word && number < FIELD_COUNT; number++) {
        fields[number] = strtod(word, NULL);
        word = strtok_r(NULL, " ", &save);
    }
    return number == FIELD_COUNT ? 0 : -1;
}

// Wall time of the machine's start, in seconds; negative when unknown.
static double boot_time_s(void)
{
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return -1;
    char *line = NULL;
    size_t capacity = 0;
    double boot_s = -1;
    while (boot_s < 0 && getline(&line, &capacity, file) > 0) {
        if (strncmp(line, "btime ", 6) == 0)
            boot_s = strtod(line + 6, NULL);
    }
    free(line);
    fclose(file);
    return boot_s;
}

static double count_open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return -1;
    double count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            count++;
    }
    closedir(folder);
    return count - 1; // without the one that listed them
}

static double max_fds(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return -1;
    return (double)limit.rlim_cur;
}

void nj_process_stats_read(struct nj_process_stats *out)
{
    *out = (struct nj_process_stats){
        .resident_bytes = -1,
        .virtual_bytes = -1,
        .cpu_seconds = -1,
        .open_fds = count_open_fds(),
        .max_fds = max_fds(),
        .threads = -1,
        .start_s = -1,
    };
    double fields[FIELD_COUNT];
    double ticks_per_s = (double)sysconf(_SC_CLK_TCK);
    if (read_stat(fields) != 0 || ticks_per_s <= 0)
        return;
    out->cpu_seconds = (fields[FIELD_USER_TICKS] + fields[FIELD_SYSTEM_TICKS]) / ticks_per_s;
    out->threads = fields[FIELD_THREADS];
    out->virtual_bytes = fields[FIELD_VIRTUAL_BYTES];
    out->resident_bytes = fields[FIELD_RESIDENT_PAGES] * (double)sysconf(_SC_PAGESIZE);
    double boot_s = boot_time_s();
    if (boot_s >= 0)
        out->start_s = boot_s + fields[FIELD_START_TICKS] / ticks_per_s;
}
