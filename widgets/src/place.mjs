// What is chosen on a page of the panel: in the query of its address, so that it can be sent and gone back to, and
// remembered by this browser for when one comes without. A page is an address such as `#/w/7/jobs`; "" is none.

const isAt = (page) => page !== "" && location.hash.split("?", 1)[0] === page;

/** Return what is chosen on `page`: by its address, else as it was chosen last. Null on any other page. */
export function recall(page) {
  return isAt(page) ? new URLSearchParams(location.hash.slice(page.length + 1) || remembered(page)) : null;
}

/** Keep what is chosen on `page`. It replaces what was chosen before: to go back means to leave the page. */
export function keep(page, chosen) {
  if (!isAt(page)) return;
  const query = chosen.toString();
  history.replaceState(history.state, "", query ? `${page}?${query}` : page);
  try {
    localStorage.setItem(page, query);
  } catch {} // where a browser keeps nothing, nothing is remembered
}

function remembered(page) {
  try {
    return localStorage.getItem(page) ?? "";
  } catch {
    return "";
  }
}
