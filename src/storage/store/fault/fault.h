// SPDX-License-Identifier: Apache-2.0
// A store whose n-th call fails, for torture tests: run with n = 1, 2, … until everything passes. It wraps the local
// store; what is refused has either not been done, or been done with its answer lost (`late`). Or the power goes at the
// n-th call: that one and all after it fail, and what was deferred and not settled is lost, empty or torn.
#ifndef LEAT_STORAGE_STORE_FAULT_FAULT_H
#define LEAT_STORAGE_STORE_FAULT_FAULT_H

#include "storage/store/store.h"

typedef struct FaultPlan {
    uint64_t fail_at; // the call that fails, 1 = the first; 0 = none
    bool late;        // the call is carried out, then reported as failed
    ErrCode code;     // what it fails with; ERR_NONE = ERR_IO_FULL
    uint64_t calls;   // so far
    uint64_t off_at;  // the call at which the power goes; 0 = none
    bool off;         // it has gone
} FaultPlan;

// Shared by all stores of this driver in the process.
extern FaultPlan fault_plan;
extern const StoreDriver FAULT_STORE;
// The power is back, or it begins anew: no call counted, nothing deferred.
void fault_begin(FaultPlan plan);

#endif
