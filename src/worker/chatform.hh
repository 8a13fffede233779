/*
 * chatform - how the answer of one chat is formed and read. Private to chat.cc,
 * which makes a form of what llama.cpp says of a prompt, and chatform.cc.
 */
#ifndef WORKER_CHATFORM_HH
#define WORKER_CHATFORM_HH

/* <chat.h> is llama.cpp's. */
#include <chat.h>

struct chat_form;

/* A template may copy its text as often as it likes: what it holds is bounded.
 */
inline constexpr size_t RENDER_BUDGET = size_t(256) << 20;

/* Throws what llama.cpp throws. */
chat_form *chat_form_of(
    const common_chat_params &p, const common_chat_templates_inputs &in);

#endif
