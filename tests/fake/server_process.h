// SPDX-License-Identifier: Apache-2.0
// A foreign server as a child of the test: started without rights, paused, killed, ended by its
// pid, and gone with the test whatever happens to it. Whatever fails, fails the test.
#ifndef NJ_FAKE_SERVER_PROCESS_H
#define NJ_FAKE_SERVER_PROCESS_H

#include "tests/fake/temp_dir.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct nj_server_process {
    pid_t pid; // 0: none
    int pidfd;
    bool paused;
};

struct nj_server_command {
    const char *const *words; // words[0] is the program's path; NULL-terminated
    const char *folder;       // to run in; also where "output" is appended to
    int orphan_signal;        // what it gets when the test dies
};

// The path of a server's program in `out`, from PATH, the sbin folders, or `more` (a pattern as of
// glob(3), the last match wins; may be NULL). False: not installed, and the test should skip.
bool nj_server_find(const char *name, const char *more, char out[NJ_TEMP_PATH_MAX]);

// Makes a folder that the servers' user may use.
void nj_server_folder_init(struct nj_temp_dir *folder);

// A loopback port that was free just now.
int nj_server_free_port(void);

void nj_server_process_start(struct nj_server_process *process,
                             const struct nj_server_command *command);
// Waits at most `timeout_ms` for its end; true when it ended (and is forgotten).
bool nj_server_process_ended(struct nj_server_process *process, int timeout_ms);
// Asks by `signal`, waits, kills when it does not listen. Harmless when it is not running.
void nj_server_process_stop(struct nj_server_process *process, int signal, int timeout_ms);
// SIGKILL, and waits for the end.
void nj_server_process_kill(struct nj_server_process *process);
// SIGSTOP and SIGCONT for it and its children: sockets stay open and nobody answers.
void nj_server_process_pause(struct nj_server_process *process);
void nj_server_process_resume(struct nj_server_process *process);

// Asks `ready` every few milliseconds until it says true; false when the process ended or the time
// is over.
bool nj_server_process_await(struct nj_server_process *process, int timeout_ms,
                             bool (*ready)(void *arg), void *arg);

#endif
