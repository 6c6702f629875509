// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CORE_BASE_VERSION_H
#define LEAT_CORE_BASE_VERSION_H

#define LEAT_VERSION "0.1.0"

#endif
