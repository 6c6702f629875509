// SPDX-License-Identifier: Apache-2.0
// The member: the process of `leat server` that makes it a node of a cluster. It alone speaks with Kafka for that; the
// supervisor is at the other end of CHANNEL_FD (engine/ipc/message.h). Two compacted topics and one without records:
//
//     GROUP-configs   key "c/NAME"   {"format_version":1,"slot":N,"document":{…}}   a connector's document
//                     key "key"      a seal: nodes that cannot open it have another master key
//     GROUP-status    key "c/NAME"   {"format_version":1,"node":ID,"term":N,"state":{…}|null}   by the node that runs
//                                    it; null: it has just got it. `term` counts these: records of an older one, which
//                                    came late, mean nothing
//                     key "n/ID"     {"format_version":1,"url":…,"version":…}   a node, every ten seconds
//     GROUP-assign    no records: its partitions are slots, which the group GROUP-assign shares out
//
// A connector has the slot that its record names, the lowest that was free when it was made, and runs on the node that
// has the slot. There are as many slots as there were connectors at once, so nodes with equally many slots, which the
// group sees to, have equally many connectors; and none moves but where a node comes or goes.
//
// What is written counts when it is read back: acknowledged by all replicas in sync, and in the one order that all
// nodes see.
#ifndef LEAT_ENGINE_MEMBER_MEMBER_H
#define LEAT_ENGINE_MEMBER_MEMBER_H

// The process's exit status.
int member_main(int channel_fd);

#endif
