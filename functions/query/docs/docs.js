/* A button at each example that copies it. */

const said = document.querySelector("#said");

function button(example) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = "Copy";
  made.addEventListener("click", async () => {
    await navigator.clipboard.writeText(example.textContent);
    made.textContent = said.textContent = "Copied";
    setTimeout(() => { made.textContent = "Copy"; said.textContent = ""; }, 2000);
  });
  return made;
}

if (navigator.clipboard) for (const example of document.querySelectorAll("pre")) example.before(button(example));
