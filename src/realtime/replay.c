// SPDX-License-Identifier: Apache-2.0
// The newest messages of a channel, bounded in count and bytes.
#include "realtime/realtime_priv.h"

#include <stdlib.h>

int nj_replay_init(struct nj_replay *replay, size_t capacity)
{
    struct nj_replay_message *messages = nj_malloc_array(capacity, sizeof *messages);
    if (messages == NULL)
        return NJ_E_NOMEM;
    *replay = (struct nj_replay){.messages = messages, .capacity = capacity};
    return 0;
}

static void drop_first(struct nj_replay *replay)
{
    struct nj_replay_message *oldest = &replay->messages[replay->first];
    replay->forgotten = oldest->sequence;
    replay->bytes -= oldest->length;
    free(oldest->json);
    replay->first = (replay->first + 1) % replay->capacity;
    replay->count--;
}

void nj_replay_finish(struct nj_replay *replay)
{
    while (replay->count > 0)
        drop_first(replay);
    free(replay->messages);
    *replay = (struct nj_replay){.capacity = 0};
}

void nj_replay_add(struct nj_replay *replay, const struct nj_replay_message *message)
{
    if (message->length > NJ_REPLAY_MAX_BYTES) {
        replay->forgotten = message->sequence;
        free(message->json);
        return;
    }
    while (replay->count == replay->capacity ||
           (replay->count > 0 && replay->bytes + message->length > NJ_REPLAY_MAX_BYTES))
        drop_first(replay);
    replay->messages[(replay->first + replay->count++) % replay->capacity] = *message;
    replay->bytes += message->length;
}

const struct nj_replay_message *nj_replay_at(const struct nj_replay *replay, size_t index)
{
    return &replay->messages[(replay->first + index) % replay->capacity];
}
