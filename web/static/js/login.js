// The demo's log-in page: the codes beside its accounts stay those of now. What has been typed is left alone.

import { fetchPage } from "./live.js";

setInterval(async () => {
  const fresh = await fetchPage("/login");
  for (const account of fresh?.page.querySelectorAll(".account") ?? []) {
    const shown = document.querySelector(`.account[data-email="${CSS.escape(account.dataset.email)}"]`);
    if (!shown) continue;
    shown.dataset.code = account.dataset.code;
    shown.querySelector(".account-code").textContent = account.dataset.code;
  }
}, 5000);
